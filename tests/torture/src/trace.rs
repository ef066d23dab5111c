//! Kills a process as it is about to change something for the n-th time, whichever of its threads does it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::Result;

/// The system calls that change what another process can find, but for `openat` and `write`, which only sometimes do.
const CHANGES: [libc::c_long; 36] = [
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_writev,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_syncfs,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_ioctl,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
];

/// Those that only older machines have.
#[cfg(target_arch = "x86_64")]
const OLDER: [libc::c_long; 9] = [
    libc::SYS_rename,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_mknod,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: [libc::c_long; 0] = [];

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was killed as it was about to make the change.
    Killed,
    /// It ended by itself after so many changes, with this status.
    Untouched { changes: usize, status: i32 },
}

/// Follows a process that waits for its input. Once `begin` has let it begin, it is killed as it is about to make the `nth`
/// change, from 1 on.
pub(crate) fn kill_at(pid: u32, nth: usize, begin: impl FnOnce() -> Result<()>) -> Result<End> {
    let pid = Pid::from_raw(pid.cast_signed());
    let options =
        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options)?;
    ptrace::interrupt(pid)?;
    begin()?;
    let mut inside: HashSet<Pid> = HashSet::new();
    let (mut changes, mut killed) = (0, false);
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL))? {
            WaitStatus::Exited(ended, status) if ended == pid => {
                return Ok(End::Untouched { changes, status });
            }
            WaitStatus::Signaled(ended, signal, _) if ended == pid => {
                return match killed {
                    true => Ok(End::Killed),
                    false => Err(format!("it died of {signal}").into()),
                };
            }
            WaitStatus::PtraceSyscall(thread) => {
                // Each call stops twice: before it is made, and after.
                if !inside.remove(&thread) {
                    inside.insert(thread);
                    changes += usize::from(!killed && is_change(pid, thread));
                    if changes == nth && !killed {
                        killed = true;
                        kill(pid, Signal::SIGKILL)?;
                    }
                }
                go_on(thread, None);
            }
            WaitStatus::PtraceEvent(thread, ..) => go_on(thread, None),
            WaitStatus::Stopped(thread, signal) => go_on(thread, Some(signal)),
            _ => {}
        }
    }
}

/// Lets a thread go on to its next system call. One that is being killed is gone, and needs no more.
fn go_on(thread: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(thread, signal);
}

/// Whether the system call that a thread is about to make changes something.
fn is_change(pid: Pid, thread: Pid) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let call = process
        .join("task")
        .join(thread.to_string())
        .join("syscall");
    let call = fs::read_to_string(call).unwrap_or_default();
    let mut words = call.split(' ');
    let Some(number) = words
        .next()
        .and_then(|word| word.parse::<libc::c_long>().ok())
    else {
        return false;
    };
    let mut argument = |nth: usize| {
        let word = words.nth(nth).unwrap_or_default();
        u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap_or_default()
    };
    match number {
        libc::SYS_openat => {
            argument(2) & u64::from((libc::O_CREAT | libc::O_TRUNC).cast_unsigned()) != 0
        }
        libc::SYS_write => {
            // What it says is no change, and neither is how its threads wake each other.
            let file = argument(0);
            let link = fs::read_link(process.join("fd").join(file.to_string()));
            file > 2 && link.is_ok_and(|link| link.is_absolute())
        }
        number => CHANGES.contains(&number) || OLDER.contains(&number),
    }
}
