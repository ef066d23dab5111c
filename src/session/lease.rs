//! Whether a session still holds its workspace: a pure function of its record, the clocks and the process table.

use super::host::{Host, Liveness};
use crate::model::SessionRecord;

/// Whether a session still holds its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hold {
    /// It does.
    Live,
    /// Its lease ran out.
    Expired,
    /// Its owner is known to be dead.
    OwnerDead,
}

/// Judges a session.
///
/// A session that is still starting goes with its process, and so does one with a lease that its process renews. On the
/// boot that granted it a lease runs by the time since boot, so that a wall clock that jumps ends none and
/// prolongs none. A session without a lease outlives its process, but not its host's boot.
pub(crate) fn judge(session: &SessionRecord, host: &dyn Host) -> Hold {
    let here = host.owner();
    let rebooted = session.owner.host == here.host && session.owner.boot_id != here.boot_id;
    let is_owned = session.starting || session.lease.as_ref().is_some_and(|lease| !lease.remote);
    if rebooted || is_owned && host.liveness(&session.owner) == Liveness::Dead {
        return Hold::OwnerDead;
    }
    let Some(lease) = &session.lease else {
        return Hold::Live;
    };
    let expired = if lease.boot_id == here.boot_id {
        host.uptime() >= lease.expires_at_uptime
    } else {
        host.now() >= lease.expires_at
    };
    if expired { Hold::Expired } else { Hold::Live }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::model::{Lease, Owner, SessionId, SessionType, Timestamp};

    const TTL: Duration = Duration::from_secs(10);

    #[derive(Debug)]
    struct Clocks {
        owner: Owner,
        now: Mutex<Timestamp>,
        uptime: Mutex<Duration>,
        dead: bool,
    }

    impl Host for Clocks {
        fn owner(&self) -> Owner {
            self.owner.clone()
        }

        fn now(&self) -> Timestamp {
            *self.now.lock().unwrap()
        }

        fn uptime(&self) -> Duration {
            *self.uptime.lock().unwrap()
        }

        fn liveness(&self, _: &Owner) -> Liveness {
            if self.dead {
                Liveness::Dead
            } else {
                Liveness::Running
            }
        }
    }

    fn host(boot: &str) -> Clocks {
        Clocks {
            owner: Owner::new("host", boot, 1, 1, 1),
            now: Mutex::new(Timestamp::from_unix_micros(0)),
            uptime: Mutex::new(Duration::ZERO),
            dead: false,
        }
    }

    fn session(host: &Clocks, leased: bool) -> SessionRecord {
        let mut session = SessionRecord::new(
            SessionId::new(),
            SessionType::Sandbox,
            1,
            host.owner(),
            host.now(),
        );
        session.lease = leased
            .then(|| Lease::granted(TTL, host.owner.boot_id.clone(), host.uptime(), host.now()));
        session
    }

    #[test]
    fn lease_ends_with_the_time_since_boot_and_not_with_the_wall_clock() {
        let host = host("boot");
        let session = session(&host, true);
        *host.now.lock().unwrap() = Timestamp::MAX;
        assert_eq!(judge(&session, &host), Hold::Live);
        *host.now.lock().unwrap() = Timestamp::MIN;
        *host.uptime.lock().unwrap() = TTL;
        assert_eq!(judge(&session, &host), Hold::Expired);
    }

    #[test]
    fn lease_of_another_host_ends_with_the_wall_clock() {
        let (there, mut here) = (host("boot there"), host("boot here"));
        here.owner.host = "other host".to_owned();
        let session = session(&there, true);
        *here.uptime.lock().unwrap() = TTL * 9;
        assert_eq!(judge(&session, &here), Hold::Live);
        *here.now.lock().unwrap() = Timestamp::from_unix_micros(0).saturating_add(TTL);
        assert_eq!(judge(&session, &here), Hold::Expired);
    }

    #[test]
    fn remote_lease_outlives_its_process_and_ends_with_its_time_or_its_boot() {
        let mut host = host("boot");
        let mut session = session(&host, true);
        session.lease = session.lease.map(|lease| lease.with_remote(true));
        host.dead = true;
        assert_eq!(judge(&session, &host), Hold::Live);
        *host.uptime.lock().unwrap() = TTL;
        assert_eq!(judge(&session, &host), Hold::Expired);
        host.owner.boot_id = "next boot".to_owned();
        assert_eq!(judge(&session, &host), Hold::OwnerDead);
    }

    #[test]
    fn session_that_is_starting_ends_with_its_process_whatever_its_lease() {
        let mut host = host("boot");
        let mut remote = session(&host, true);
        remote.lease = remote.lease.map(|lease| lease.with_remote(true));
        host.dead = true;
        for mut session in [remote, session(&host, false)] {
            session.starting = true;
            assert_eq!(judge(&session, &host), Hold::OwnerDead);
        }
    }

    #[test]
    fn leased_session_ends_with_its_process_and_a_lasting_one_with_its_boot() {
        let mut host = host("boot");
        let (leased, lasting) = (session(&host, true), session(&host, false));
        host.dead = true;
        assert_eq!(judge(&leased, &host), Hold::OwnerDead);
        assert_eq!(judge(&lasting, &host), Hold::Live);
        host.owner.boot_id = "next boot".to_owned();
        assert_eq!(judge(&lasting, &host), Hold::OwnerDead);
    }
}
