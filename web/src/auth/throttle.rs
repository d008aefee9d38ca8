//! How often one may try to log in.
//!
//! Asked before anything is hashed, by the address that a try comes from and by the name that it is for. A browser that
//! the user has logged in with before is asked by that alone (`device`): so nobody can lock a user out of the browsers
//! that are his, however often he tries the name and from wherever.
//!
//! Each bound is a bucket that fills again with time. The buckets are a table of fixed size: who asks is hashed, with a
//! key of this process, to one bucket in each of its rows, and is refused when all of these are empty. So a crowd costs
//! no memory, and two who share one bucket by chance do not share the others.
//!
//! Idea: the generic cell rate algorithm (ITU-T I.371) over a count-min sketch with conservative update (Estan and
//! Varghese, 2002); device cookies as described by OWASP.

use std::net::IpAddr;

use parking_lot::Mutex;

use super::secret::Secret;

const SECOND: u64 = 1_000_000;
/// How many buckets a user has, each shared with others by chance.
const ROWS: usize = 3;
/// Buckets in a row, of 8 bytes each: while 4,096 addresses try all the time, one other in 600 is refused.
const ROW_LENGTH: usize = 1 << 15;

/// How often, for each of those who ask.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// How many tries at once.
    at_once: u64,
    /// How long until there is one more, in microseconds.
    step: u64,
}

/// People behind one address, as in an office, mostly know their passwords; these give their tries back.
const BY_ADDRESS: Rate = Rate { at_once: 20, step: 5 * SECOND };
const BY_NAME: Rate = Rate { at_once: 10, step: 20 * SECOND };
const BY_DEVICE: Rate = Rate { at_once: 10, step: 20 * SECOND };
/// Log-ins that succeed, by user: each is written to the disk.
const LOG_INS: Rate = Rate { at_once: 60, step: 10 * SECOND };

/// Buckets of one kind.
struct Buckets {
    rate: Rate,
    key: Secret,
    /// When each is full again, in microseconds since 1970.
    full_at: Mutex<Vec<u64>>,
    row_length: usize,
}

impl Buckets {
    fn new(rate: Rate, row_length: usize) -> Self {
        Self { rate, key: Secret::random(), full_at: Mutex::new(vec![0; ROWS * row_length]), row_length }
    }

    fn places(&self, who: &[u8]) -> [usize; ROWS] {
        let hash = self.key.code("bucket", who);
        let (words, _) = hash.as_bytes().as_chunks::<8>();
        std::array::from_fn(|row| {
            row * self.row_length + (u64::from_be_bytes(words[row]) % self.row_length as u64) as usize
        })
    }

    /// Takes a try, or says how long to wait, in microseconds.
    fn take(&self, who: &[u8], now: u64) -> Result<(), u64> {
        let places = self.places(who);
        let mut full_at = self.full_at.lock();
        let least = places.iter().map(|&place| full_at[place]).min().unwrap_or(0);
        let full = least.max(now) + self.rate.step;
        let room = self.rate.at_once * self.rate.step;
        if full > now + room {
            return Err(full - now - room);
        }
        for place in places {
            full_at[place] = full_at[place].max(full);
        }
        Ok(())
    }

    fn give_back(&self, who: &[u8]) {
        let places = self.places(who);
        let mut full_at = self.full_at.lock();
        for place in places {
            full_at[place] = full_at[place].saturating_sub(self.rate.step);
        }
    }
}

/// Who tries.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) address: Option<IpAddr>,
    /// The name as it was typed.
    pub(crate) name: String,
    /// The browser, where the user that is meant has logged in with it before.
    pub(crate) device: Option<[u8; 16]>,
}

/// Too many tries: when to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// In seconds, at least one.
    pub secs: u64,
}

impl Wait {
    fn of_micros(micros: u64) -> Self {
        Self { secs: micros.div_ceil(SECOND).max(1) }
    }
}

pub(crate) struct Throttle {
    addresses: Buckets,
    names: Buckets,
    devices: Buckets,
    log_ins: Buckets,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self::with_rows_of(ROW_LENGTH)
    }

    fn with_rows_of(length: usize) -> Self {
        Self {
            addresses: Buckets::new(BY_ADDRESS, length),
            names: Buckets::new(BY_NAME, length),
            devices: Buckets::new(BY_DEVICE, length),
            log_ins: Buckets::new(LOG_INS, length),
        }
    }

    /// Takes a try.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) fn take(&self, attempt: &Try, now: u64) -> Result<(), Wait> {
        if let Some(device) = &attempt.device {
            return self.devices.take(device, now).map_err(Wait::of_micros);
        }
        let address = network(attempt.address);
        self.addresses.take(&address, now).map_err(Wait::of_micros)?;
        self.names.take(attempt.name.as_bytes(), now).map_err(|wait| {
            // The address is not at fault for what others tried with the name.
            self.addresses.give_back(&address);
            Wait::of_micros(wait)
        })
    }

    /// Gives a try back that was right.
    pub(crate) fn give_back(&self, attempt: &Try) {
        match &attempt.device {
            Some(device) => self.devices.give_back(device),
            None => {
                self.addresses.give_back(&network(attempt.address));
                self.names.give_back(attempt.name.as_bytes());
            }
        }
    }

    /// Counts a log-in that is about to succeed.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) fn log_in(&self, user: bough_core::Oid, now: u64) -> Result<(), Wait> {
        self.log_ins.take(&user.to_bytes(), now).map_err(Wait::of_micros)
    }
}

/// What counts as one address: of IPv6 the network, since whoever has one of its addresses has them all.
fn network(address: Option<IpAddr>) -> [u8; 9] {
    let mut network = [0; 9];
    match address.map(|address| address.to_canonical()) {
        None => {}
        Some(IpAddr::V4(v4)) => {
            network[0] = 4;
            network[1..5].copy_from_slice(&v4.octets());
        }
        Some(IpAddr::V6(v6)) => {
            network[0] = 6;
            network[1..].copy_from_slice(&v6.octets()[..8]);
        }
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000 * SECOND;

    fn throttle() -> Throttle {
        Throttle::with_rows_of(1 << 12)
    }

    fn attempt(address: &str, name: &str) -> Try {
        Try { address: address.parse().ok(), name: name.into(), device: None }
    }

    /// How many tries are taken until one is refused, at most a hundred.
    fn tries(throttle: &Throttle, attempt: &Try, now: u64) -> u64 {
        (0..100).take_while(|_| throttle.take(attempt, now).is_ok()).count() as u64
    }

    #[test]
    fn an_address_has_so_many_tries_whichever_names_it_tries() {
        let throttle = throttle();
        let outcome = |nth: u64, now| throttle.take(&attempt("192.0.2.1", &format!("name {nth}")), now);
        for nth in 0..BY_ADDRESS.at_once {
            assert_eq!(outcome(nth, NOW), Ok(()));
        }
        assert_eq!(outcome(90, NOW), Err(Wait { secs: 5 }));
        assert_eq!(outcome(90, NOW + SECOND / 2), Err(Wait { secs: 5 }), "rounded up");
        assert_eq!(outcome(90, NOW + 5 * SECOND), Ok(()));
        assert_eq!(outcome(91, NOW + 5 * SECOND), Err(Wait { secs: 5 }), "and only one more");
        assert_eq!(throttle.take(&attempt("192.0.2.2", "name 1"), NOW), Ok(()), "another address");
    }

    #[test]
    fn a_name_has_so_many_tries_from_wherever_they_come() {
        let throttle = throttle();
        for nth in 0..BY_NAME.at_once {
            assert_eq!(throttle.take(&attempt(&format!("192.0.2.{nth}"), "ana"), NOW), Ok(()));
        }
        assert_eq!(throttle.take(&attempt("198.51.100.1", "ana"), NOW), Err(Wait { secs: 20 }));
        assert_eq!(throttle.take(&attempt("198.51.100.1", "bo"), NOW), Ok(()));
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let throttle = throttle();
        for nth in 0..BY_ADDRESS.at_once {
            let taken = throttle.take(&attempt(&format!("2001:db8::{nth:x}"), &nth.to_string()), NOW);
            assert_eq!(taken, Ok(()));
        }
        assert!(throttle.take(&attempt("2001:db8:0:0:ffff::1", "x"), NOW).is_err());
        assert!(throttle.take(&attempt("2001:db8:0:1::1", "x"), NOW).is_ok());
        assert_eq!(network("::ffff:192.0.2.1".parse().ok()), network("192.0.2.1".parse().ok()));
    }

    #[test]
    fn nobody_can_lock_a_user_out_of_a_browser_that_is_his() {
        let throttle = throttle();
        let his = Try { device: Some([7; 16]), ..attempt("192.0.2.1", "ana") };
        for nth in 0..200 {
            // From everywhere, also from his own address.
            let _ = throttle.take(&attempt(&format!("198.51.100.{nth}"), "ana"), NOW);
            let _ = throttle.take(&attempt("192.0.2.1", "ana"), NOW);
        }
        assert!(throttle.take(&attempt("192.0.2.1", "ana"), NOW).is_err());
        assert_eq!(tries(&throttle, &his, NOW), BY_DEVICE.at_once, "and has no more tries than others");
        assert_eq!(throttle.take(&Try { device: Some([8; 16]), ..his }, NOW), Ok(()), "each has its own");
    }

    #[test]
    fn who_knows_the_password_is_never_refused_for_his_tries() {
        let throttle = throttle();
        for _ in 0..100 {
            let right = attempt("192.0.2.1", "ana");
            assert_eq!(throttle.take(&right, NOW), Ok(()));
            throttle.give_back(&right);
        }
        assert_eq!(tries(&throttle, &attempt("192.0.2.1", "bo"), NOW), BY_NAME.at_once);
    }

    #[test]
    fn a_name_that_others_used_up_costs_an_address_nothing() {
        let throttle = throttle();
        for nth in 0..BY_NAME.at_once {
            throttle.take(&attempt(&format!("198.51.100.{nth}"), "ana"), NOW).unwrap();
        }
        for _ in 0..100 {
            assert_eq!(throttle.take(&attempt("192.0.2.1", "ana"), NOW), Err(Wait { secs: 20 }));
        }
        assert_eq!(throttle.take(&attempt("192.0.2.1", "bo"), NOW), Ok(()));
    }

    #[test]
    fn a_crowd_takes_no_memory_and_refuses_hardly_anybody_else() {
        let throttle = throttle();
        let crowd = |nth: u32| Some(IpAddr::from((0x0a00_0000 + nth).to_be_bytes()));
        let all = |nth, name: &str| Try { address: crowd(nth), name: name.into(), device: None };
        for nth in 0..512 {
            while throttle.addresses.take(&network(crowd(nth)), NOW).is_ok() {}
        }
        let refused =
            (0..1000).filter(|nth| throttle.take(&all(100_000 + nth, &nth.to_string()), NOW).is_err());
        let refused = refused.count();
        assert!(refused < 50, "{refused} of 1000 refused for what 512 others did with 4096 buckets a row");
    }

    #[test]
    fn a_user_logs_in_so_often_and_then_waits() {
        let throttle = throttle();
        let user = bough_core::Oid::from_u128(1);
        for _ in 0..LOG_INS.at_once {
            assert_eq!(throttle.log_in(user, NOW), Ok(()));
        }
        assert_eq!(throttle.log_in(user, NOW), Err(Wait { secs: 10 }));
    }
}
