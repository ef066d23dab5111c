//! Whether something is in use, or only seems to be while a program starts.

use std::time::{Duration, Instant};

use crate::error::Holder;

/// For how long a use is taken for one that is about to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Looks again for a while, as long as something is in use by nobody who would use it, and answers the holders that can be
/// seen, or `None` if nothing uses it.
///
/// A thread of this process that spawns a program copies every open file, and close-on-exec closes the copies only when
/// the program begins. In between, a mount or a file that was just closed is still held. So a holder is believed at once
/// if it has run another program since the look before, or is this process; what nobody visible holds, or only a copy of
/// this process does, is believed after half a second.
pub fn lasting_holders<E>(
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
