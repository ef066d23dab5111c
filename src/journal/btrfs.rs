//! Ending a transaction of btrfs.

#![expect(
    unsafe_code,
    reason = "no safe call does this: syncfs writes back all that others have written, too"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The calls of `linux/btrfs.h`.
mod calls {
    nix::ioctl_read!(start_sync, 0x94, 24, u64);
    nix::ioctl_write_ptr!(wait_sync, 0x94, 22, u64);
}

/// Ends the transaction that runs in the file system of a file or folder, and waits until it is on the disk.
pub(super) fn commit(file: &impl AsFd) -> io::Result<()> {
    let file = file.as_fd().as_raw_fd();
    let mut transaction = 0;
    // SAFETY: the descriptor is borrowed for longer than the call, which writes one number of 64 bits.
    unsafe { calls::start_sync(file, &raw mut transaction) }?;
    // SAFETY: as above, but that the number is read.
    unsafe { calls::wait_sync(file, &raw const transaction) }?;
    Ok(())
}
