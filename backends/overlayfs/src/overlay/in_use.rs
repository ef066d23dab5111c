//! Whether anything can still write to an upper layer.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{self, XattrFlags};
use rustix::io::Errno;
use workdisk::Holder;

use super::context::configured;

/// What a mount with an index writes to the root of an upper layer.
const MARKS: [&str; 2] = ["trusted.overlay.origin", "trusted.overlay.uuid"];

/// For how long a use is taken for one that is about to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Looks again for a while, as long as something is in use by nobody who would use it, and answers the holders that can be
/// seen, or `None` if nothing uses it.
///
/// A thread of this process that spawns a program copies every open file, and close-on-exec closes the copies only when
/// the program begins. In between, a mount or a file that was just closed is still held. So a holder is believed at once
/// if it has run another program since the look before, or is this process; what nobody visible holds, or only a copy of
/// this process does, is believed after half a second.
pub(crate) fn lasting_holders<E>(
    mut look: impl FnMut() -> Result<Option<Vec<Holder>>, E>,
) -> Result<Option<Vec<Holder>>, E> {
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    let mut others: Vec<u32> = Vec::new();
    loop {
        let Some(holders) = look()? else {
            return Ok(None);
        };
        let stays = holders.iter().any(|holder| others.contains(&holder.pid));
        if stays || Instant::now() >= end {
            return Ok(Some(holders));
        }
        let pids = holders.iter().map(|holder| holder.pid);
        others = pids.filter(|pid| !is_copy_of_this_process(*pid)).collect();
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Whether a process runs this process's program and is not this process: a child that has not begun its own, perhaps.
fn is_copy_of_this_process(pid: u32) -> bool {
    let program = |process: &str| std::fs::read_link(format!("/proc/{process}/exe")).ok();
    let found = program(&pid.to_string());
    pid != std::process::id() && found.is_some() && found == program("self")
}

/// Whether some overlay uses the folder as its upper layer: here, in another mount namespace, or unmounted lazily and kept
/// by an open file.
///
/// With `index=off` the kernel lets two overlays share an upper layer, but with `index=on` it refuses one that any other
/// uses. So such an overlay is made, with a work folder of its own, and dropped again; it is mounted nowhere. What it
/// leaves on the layer is taken away. `scratch` is that work folder: empty, and nobody else's meanwhile.
pub(crate) fn upper_in_use(upper: &Path, lower: &Path, scratch: &Path) -> Result<bool, Errno> {
    let [Some(upper_text), Some(lower), Some(scratch)] = [upper, lower, scratch].map(Path::to_str)
    else {
        return Err(Errno::ILSEQ);
    };
    let marked: Vec<(&str, Option<Vec<u8>>)> = MARKS
        .iter()
        .map(|mark| Ok((*mark, read_mark(upper, mark)?)))
        .collect::<Result<_, Errno>>()?;
    // An origin from elsewhere would make the overlay stale. Without an index nothing reads it.
    remove_mark(upper, MARKS[0])?;
    let answer = configured([
        ("lowerdir+", Some(lower)),
        ("upperdir", Some(upper_text)),
        ("workdir", Some(scratch)),
        ("index", Some("on")),
        ("metacopy", Some("off")),
        ("redirect_dir", Some("on")),
        ("nfs_export", Some("off")),
        // Nothing is written through it. Without this, dropping it would make all of the file system durable.
        ("volatile", None),
    ]);
    let in_use = match answer {
        Ok(overlay) => {
            drop(overlay);
            false
        }
        Err(Errno::BUSY) => true,
        Err(errno) => return Err(errno),
    };
    for (mark, before) in marked {
        match before {
            Some(value) => fs::lsetxattr(upper, mark, &value, XattrFlags::empty())?,
            None if !in_use => remove_mark(upper, mark)?,
            None => {}
        }
    }
    Ok(in_use)
}

fn read_mark(folder: &Path, mark: &str) -> Result<Option<Vec<u8>>, Errno> {
    let mut value = vec![0; 256];
    match fs::lgetxattr(folder, mark, &mut value[..]) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn remove_mark(folder: &Path, mark: &str) -> Result<(), Errno> {
    match fs::lremovexattr(folder, mark) {
        Ok(()) | Err(Errno::NODATA) => Ok(()),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Answers a look after the other; says how many were taken.
    fn looks(answers: Vec<Option<Vec<u32>>>) -> (Option<Vec<u32>>, usize) {
        let total = answers.len();
        let mut left = answers.into_iter();
        let found = lasting_holders(|| {
            let pids = left.next().unwrap();
            let holders = |pids: Vec<u32>| pids.into_iter().map(|pid| Holder::new(pid, "x"));
            Ok::<_, Infallible>(pids.map(|pids| holders(pids).collect()))
        });
        let pids = |holders: Vec<Holder>| holders.iter().map(|holder| holder.pid).collect();
        (found.unwrap().map(pids), total - left.len())
    }

    /// Whoever ends a session of a disk in use asks again many times; each of them must not take long.
    #[test]
    fn holder_with_a_program_of_its_own_is_believed_at_the_second_look() {
        let init = 1;
        for pid in [std::process::id(), init] {
            let held = || Some(vec![pid]);
            assert_eq!(looks(vec![held(), held(), None]), (held(), 2));
        }
    }

    #[test]
    fn use_that_ends_is_none() {
        assert_eq!(looks(vec![None]), (None, 1));
        let unseen = || Some(Vec::new());
        assert_eq!(looks(vec![unseen(), unseen(), unseen(), None]), (None, 4));
        // A child that was starting its program when it was looked at runs it now.
        let held = Some(vec![1]);
        assert_eq!(looks(vec![held, unseen(), None]), (None, 3));
    }
}
