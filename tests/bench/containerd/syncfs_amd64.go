package main

const syncfs = 306
