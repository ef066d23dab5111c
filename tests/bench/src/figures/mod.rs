//! What is measured, one figure a file.

mod clone;
mod containerd;
mod crowd;
mod file_work;
mod first_write;
mod many;
mod merge;
mod snapshots;
mod sweep;

use std::pin::Pin;

use crate::Result;
use crate::options::Options;
use crate::report::Figure;

pub(crate) use many::look_into;

/// A figure's name, and how it is measured.
type Named = (&'static str, fn(&Options) -> Measuring<'_>);

type Measuring<'a> = Pin<Box<dyn Future<Output = Result<Figure>> + 'a>>;

/// The figures by name, in the order in which they are measured.
pub(crate) const FIGURES: &[Named] = &[
    ("clone", |options| Box::pin(clone::measure(options))),
    ("containerd", |options| {
        Box::pin(containerd::measure(options))
    }),
    ("crowd", |options| Box::pin(crowd::measure(options))),
    ("store", |options| Box::pin(many::measure(options))),
    ("files", |options| Box::pin(file_work::measure(options))),
    ("snapshots", |options| Box::pin(snapshots::measure(options))),
    ("first-write", |options| {
        Box::pin(first_write::measure(options))
    }),
    ("merge", |options| Box::pin(merge::measure(options))),
    ("sweep", |options| Box::pin(sweep::measure(options))),
];
