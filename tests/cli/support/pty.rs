//! A terminal that a test sits at.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;

/// A command at a terminal.
pub(crate) struct Terminal {
    screen: File,
    child: Child,
    seen: String,
}

impl Terminal {
    /// Starts a command with the terminal as its input, output and errors.
    pub(crate) fn start(command: &mut Command) -> Self {
        let pty = openpty(None, None).unwrap();
        // A command of another test that held it too would keep the screen from ending.
        for side in [&pty.master, &pty.slave] {
            fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let end = || pty.slave.try_clone().unwrap();
        let child = command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self {
            screen: File::from(pty.master),
            child,
            seen: String::new(),
        }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen has shown a text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !self.seen.contains(text) {
            assert!(
                self.read(),
                "the command ended without {text:?}:\n{}",
                self.seen
            );
        }
    }

    /// Waits for the command's end, and answers its exit status and all that the screen has shown.
    pub(crate) fn end(mut self) -> (i32, String) {
        while self.read() {}
        let status = self.child.wait().unwrap();
        (status.code().unwrap_or(-1), self.seen.replace("\r\n", "\n"))
    }

    /// Reads what is shown next. Nothing is after the command's end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.screen.read(&mut bytes) {
            Ok(count @ 1..) => {
                self.seen
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
                true
            }
            // A terminal whose other side is closed answers EIO.
            _ => false,
        }
    }
}
