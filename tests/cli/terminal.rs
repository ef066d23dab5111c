//! Colours: for a terminal, and for none that does not want them.

use crate::support::Bench;
use crate::support::pty::Terminal;

/// Whether a text has an escape sequence that sets colours or weight.
fn is_coloured(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|sequence| {
        sequence
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    })
}

#[test]
fn colours_are_for_terminals_alone() {
    let bench = Bench::with_workspace("one");
    let (_, shown) = Terminal::start(&mut bench.command(["list"])).end();
    assert!(is_coloured(&shown), "{shown:?}");
    assert!(!bench.done(["list"]).contains('\u{1b}'));
    assert!(!bench.run(["show", "nope"]).err.contains('\u{1b}'));
}

#[test]
fn no_color_takes_the_colours_away() {
    let bench = Bench::with_workspace("one");
    for arguments in [&["list"][..], &["show", "nope"]] {
        let mut command = bench.command(arguments);
        let (_, shown) = Terminal::start(command.env("NO_COLOR", "1")).end();
        assert!(!is_coloured(&shown), "{shown:?}");
    }
}

#[test]
fn json_has_no_colours_on_a_terminal_either() {
    let bench = Bench::with_workspace("one");
    let (_, shown) = Terminal::start(&mut bench.command(["list", "--json"])).end();
    assert!(!is_coloured(&shown), "{shown:?}");
    let json = shown.find('{').map(|start| &shown[start..]);
    serde_json::from_str::<serde_json::Value>(json.unwrap()).unwrap();
}
