//! How many wrong keys an address may give.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::options::Attempts;

/// How many addresses are remembered.
const CAPACITY: usize = 10_000;

/// The addresses that gave wrong keys lately.
///
/// An address is remembered by the moment at which all its failures are forgiven, each counting for one refill. Memory is
/// bounded: beyond the capacity, those go that were nearest to it.
#[derive(Debug)]
pub(super) struct Throttle {
    attempts: Option<Attempts>,
    forgiven: Mutex<HashMap<IpAddr, Instant>>,
}

impl Throttle {
    pub(super) fn new(attempts: Option<Attempts>) -> Self {
        Self {
            attempts,
            forgiven: Mutex::default(),
        }
    }

    /// How long an address has to wait before its key is looked at.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        self.wait_at(address, Instant::now())
    }

    /// Notes that an address gave a wrong key.
    pub(super) fn note_failure(&self, address: IpAddr) {
        self.note_failure_at(address, Instant::now());
    }

    fn wait_at(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let Attempts { burst, refill } = self.attempts?;
        let forgiven = self.forgiven().get(&group(address)).copied()?;
        // With one attempt left, all failures are forgiven in less than a burst's time.
        let left = forgiven.saturating_duration_since(now);
        let allowed = refill * burst.saturating_sub(1);
        (left > allowed).then(|| left - allowed)
    }

    fn note_failure_at(&self, address: IpAddr, now: Instant) {
        let Some(Attempts { refill, .. }) = self.attempts else {
            return;
        };
        let mut forgiven = self.forgiven();
        if forgiven.len() >= CAPACITY {
            make_room(&mut forgiven, now);
        }
        let until = forgiven.entry(group(address)).or_insert(now);
        *until = (*until).max(now) + refill;
    }

    fn forgiven(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        // Each change is one call of the map.
        self.forgiven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets those that are forgiven, and else the half that soonest will be.
fn make_room(forgiven: &mut HashMap<IpAddr, Instant>, now: Instant) {
    forgiven.retain(|_, until| *until > now);
    if forgiven.len() < CAPACITY {
        return;
    }
    let mut times: Vec<Instant> = forgiven.values().copied().collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    forgiven.retain(|_, until| *until > median);
}

/// What counts as one address: of IPv6 the network of 64 bits, which one customer has.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn throttle() -> Throttle {
        Throttle::new(Some(Attempts {
            burst: 3,
            refill: SECOND,
        }))
    }

    #[test]
    fn burst_is_allowed_and_then_one_attempt_a_refill() {
        let (throttle, start) = (throttle(), Instant::now());
        let address = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..3 {
            assert_eq!(throttle.wait_at(address, start), None);
            throttle.note_failure_at(address, start);
        }
        assert_eq!(throttle.wait_at(address, start), Some(SECOND));
        assert_eq!(throttle.wait_at(IpAddr::from([10, 0, 0, 2]), start), None);
        assert_eq!(throttle.wait_at(address, start + SECOND), None);
        throttle.note_failure_at(address, start + SECOND);
        assert!(throttle.wait_at(address, start + SECOND).is_some());
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let (throttle, start) = (throttle(), Instant::now());
        for last in 1..=3 {
            let address = Ipv6Addr::new(1, 2, 3, 4, 5, 6, 7, last);
            throttle.note_failure_at(address.into(), start);
        }
        let other = Ipv6Addr::new(1, 2, 3, 4, 0, 0, 0, 9);
        assert!(throttle.wait_at(other.into(), start).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let (throttle, start) = (throttle(), Instant::now());
        for number in 0..u32::try_from(3 * CAPACITY).unwrap() {
            let address = IpAddr::from(number.to_be_bytes());
            throttle.note_failure_at(address, start + SECOND / 1_000_000 * number);
        }
        assert!(throttle.forgiven().len() <= CAPACITY);
    }
}
