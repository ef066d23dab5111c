//! What is to be measured, and how thoroughly.

use std::path::PathBuf;

use clap::Parser;

use crate::Result;
use crate::figures::FIGURES;

/// How thoroughly it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Small trees and few rounds: that the bench works, and nothing about times.
    Quick,
    /// All that has a bar.
    Default,
    /// As the default, with the peers that copy at a million files too.
    Full,
}

/// Times what workdisk does beside others that do the like.
#[derive(Debug, Parser)]
#[command(about)]
pub(crate) struct Options {
    /// Small trees and few rounds: shows that the bench works, in less than a minute.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Let also the peers that copy copy a million files.
    #[arg(long)]
    full: bool,
    /// The figures to measure, instead of all.
    #[arg(long, value_delimiter = ',', value_name = "FIGURE")]
    only: Vec<String>,
    /// Where to write all that was measured.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Where to write the tables.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Where to draw cost against tree size, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Work in a store in a process of its own.
    #[arg(long, hide = true)]
    pub(crate) look_into_store: Option<PathBuf>,
    /// How many workspaces it has.
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) workspaces: u64,
}

impl Options {
    /// Refuses a figure that there is none of.
    pub(crate) fn check(&self) -> Result<()> {
        let names: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
        let unknown = self.only.iter().find(|it| !names.contains(&it.as_str()));
        match unknown {
            Some(name) => {
                Err(format!("no figure {name}: it is one of {}", names.join(", ")).into())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| it == name)
    }

    pub(crate) fn form(&self) -> Form {
        match (self.quick, self.full) {
            (true, _) => Form::Quick,
            (_, true) => Form::Full,
            _ => Form::Default,
        }
    }

    /// One number for the quick form, another for the others.
    pub(crate) fn scaled<T>(&self, quick: T, usual: T) -> T {
        match self.form() {
            Form::Quick => quick,
            Form::Default | Form::Full => usual,
        }
    }
}
