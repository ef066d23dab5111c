//! The lists hold every case, and the cases call every method.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

macro_rules! put_in {
    ([$list:ident] $($topic:ident { $($case:ident)+ })+) => {
        $($($list.insert(format!("{}::{}", stringify!($topic), stringify!($case)));)+)+
    };
}

/// The files of cases of one trait, each with its topic.
fn topics(kind: &str) -> Vec<(String, String)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(kind);
    let mut topics = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let topic = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if topic != "mod" {
            topics.push((topic, fs::read_to_string(path).unwrap()));
        }
    }
    topics
}

fn written(kind: &str) -> BTreeSet<String> {
    let mut cases = BTreeSet::new();
    for (topic, text) in topics(kind) {
        for rest in text.split("\npub async fn ").skip(1) {
            let (case, _) = rest.split_once('<').unwrap();
            cases.insert(format!("{topic}::{case}"));
        }
    }
    cases
}

/// The methods of a trait, as its source has them.
fn methods(source: &str, name: &str) -> Vec<String> {
    let start = source.find(&format!("pub trait {name}:")).unwrap();
    let body = &source[start..];
    let body = &body[..body.find("\n}\n").unwrap()];
    let named = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
        Some(name.to_owned())
    };
    body.lines().filter_map(named).collect()
}

fn assert_called(kind: &str, methods: &[String]) {
    assert!(methods.len() > 5, "the trait was not found: {methods:?}");
    let text: String = topics(kind).into_iter().map(|(_, text)| text).collect();
    for method in methods {
        assert!(
            text.contains(&format!(".{method}(")),
            "no case calls {method}"
        );
    }
}

#[test]
fn every_metadata_case_is_listed() {
    let mut listed = BTreeSet::new();
    workdisk_conformance::for_each_metadata_case!([put_in][listed]);
    assert_eq!(listed, written("metadata"));
}

#[test]
fn every_volume_case_is_listed() {
    let mut listed = BTreeSet::new();
    workdisk_conformance::for_each_volume_case!([put_in][listed]);
    assert_eq!(listed, written("volume"));
}

#[test]
fn every_metadata_method_is_called() {
    let source = include_str!("../../../../src/metadata.rs");
    assert_called("metadata", &methods(source, "Metadata"));
}

#[test]
fn every_volume_method_is_called() {
    let source = include_str!("../../../../src/volume.rs");
    assert_called("volume", &methods(source, "Volume"));
}
