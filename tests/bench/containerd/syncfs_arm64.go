package main

const syncfs = 267
