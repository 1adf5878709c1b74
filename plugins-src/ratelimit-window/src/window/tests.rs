use super::*;

const NOW: u64 = 1_700_000_000_000;

/// A small generator of repeatable numbers (xorshift64*), so that a failure can be run again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// The most times that fall into any half-open span of `length`.
fn densest(times: &[u64], length: u64) -> usize {
    (0..times.len())
        .map(|first| times[first..].iter().take_while(|time| **time < times[first] + length).count())
        .max()
        .unwrap_or(0)
}

#[test]
fn no_span_as_long_as_the_window_holds_more_allowed_requests_than_the_limit() {
    for seed in 1..60 {
        let mut numbers = Numbers(seed);
        let window = 1 + numbers.below(100_000);
        let limit = 1 + numbers.below(40) as u32;
        let quota = Quota::new(limit, window, numbers.below(8) as u32);
        let (mut tally, mut now, mut allowed) = (Tally::default(), NOW + numbers.below(window), Vec::new());
        for _ in 0..600 {
            now += numbers.below(1 + 2 * window / u64::from(limit));
            if let Ruling::Allowed { leased, lease_time, .. } = tally.judge(&quota, now) {
                allowed.push(now);
                // The server may use a lease up to its last moment.
                let mut used: Vec<u64> = (0..leased).map(|_| now + numbers.below(lease_time)).collect();
                allowed.append(&mut used);
            }
            tally = Tally::parse(&tally.render()).expect("what was written can be read");
        }
        allowed.sort_unstable();
        assert!(densest(&allowed, window) <= limit as usize, "seed {seed}");
    }
}

#[test]
fn a_request_is_refused_only_when_the_window_and_one_slice_hold_the_limit() {
    for seed in 1..60 {
        let mut numbers = Numbers(seed);
        let limit = 1 + numbers.below(20) as u32;
        let quota = Quota::new(limit, 16_000, 0);
        let (mut tally, mut now, mut allowed) = (Tally::default(), NOW, Vec::<u64>::new());
        for _ in 0..400 {
            now += numbers.below(2000);
            let recent = allowed.iter().filter(|time| **time + 17_000 > now).count();
            match tally.judge(&quota, now) {
                Ruling::Allowed { .. } => allowed.push(now),
                Ruling::Refused { .. } => assert!(recent >= limit as usize, "seed {seed}"),
            }
        }
    }
}

#[test]
fn a_refused_request_may_pass_at_the_named_time_and_not_before() {
    for seed in 1..60 {
        let mut numbers = Numbers(seed);
        let quota = Quota::new(1 + numbers.below(9) as u32, 1 + numbers.below(90_000), 0);
        let (mut tally, mut now) = (Tally::default(), NOW);
        for _ in 0..300 {
            now += numbers.below(quota.slice * 3);
            if let Ruling::Refused { retry } = tally.judge(&quota, now) {
                assert!(retry > 0 && retry <= quota.lifetime());
                assert!(matches!(tally.clone().judge(&quota, now + retry - 1), Ruling::Refused { .. }));
                assert!(matches!(tally.clone().judge(&quota, now + retry), Ruling::Allowed { .. }));
            }
        }
    }
}

#[test]
fn a_refused_request_is_not_counted() {
    let quota = Quota::new(2, 60_000, 0);
    let mut tally = Tally::default();
    for _ in 0..50 {
        tally.judge(&quota, NOW);
    }
    assert_eq!(tally.total(), 2);
}

#[test]
fn more_are_left_at_the_reset_than_before() {
    let quota = Quota::new(10, 60_000, 0);
    let mut tally = Tally::default();
    tally.judge(&quota, NOW);
    let Ruling::Allowed { remaining, reset, .. } = tally.judge(&quota, NOW + 20_000) else { panic!("refused") };
    assert_eq!(remaining, 8);
    let before = tally.clone().judge(&quota, NOW + 20_000 + reset - 1);
    let after = tally.judge(&quota, NOW + 20_000 + reset);
    assert!(matches!(before, Ruling::Allowed { remaining: 7, .. }));
    assert!(matches!(after, Ruling::Allowed { remaining: 8, .. }));
}

#[test]
fn a_lease_grows_with_what_a_client_uses_and_never_beyond_the_limit() {
    let quota = Quota::new(20, 16_000, 100);
    let mut tally = Tally::default();
    let mut leases = Vec::new();
    while let Ruling::Allowed { leased, lease_time, .. } = tally.judge(&quota, NOW) {
        assert!(lease_time <= quota.slice);
        leases.push(leased);
    }
    assert_eq!(leases, [0, 1, 3, 7, 4]);
    assert_eq!(tally.total(), 20);
}

#[test]
fn a_clock_set_back_a_little_keeps_the_counts_and_set_back_far_starts_anew() {
    let quota = Quota::new(1, 16_000, 0);
    let mut tally = Tally::default();
    tally.judge(&quota, NOW);
    assert!(matches!(tally.clone().judge(&quota, NOW - 5000), Ruling::Refused { .. }));
    assert!(matches!(tally.clone().judge(&quota, NOW - 3_600_000), Ruling::Allowed { .. }));
}

#[test]
fn a_lower_limit_than_what_is_counted_refuses_until_enough_has_left() {
    let mut tally = Tally::default();
    for second in 0..10 {
        tally.judge(&Quota::new(100, 16_000, 0), NOW + second * 1000);
    }
    let strict = Quota::new(3, 16_000, 0);
    let Ruling::Refused { retry } = tally.judge(&strict, NOW + 9000) else { panic!("allowed") };
    assert!(matches!(tally.judge(&strict, NOW + 9000 + retry), Ruling::Allowed { remaining: 0, .. }));
}

#[test]
fn a_tally_is_over_when_its_lifetime_has_passed() {
    let quota = Quota::new(5, 16_000, 0);
    let mut tally = Tally::default();
    tally.judge(&quota, NOW);
    assert!(!tally.is_over(&quota, NOW + 15_999));
    assert!(tally.is_over(&quota, NOW + quota.lifetime()));
}

#[test]
fn anything_that_was_not_written_by_render_is_not_read() {
    for text in
        ["", "x", "1", "1:", "1:x", "1:1,", ":1", "1:-1", "1:4294967296", "1:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"]
    {
        assert_eq!(Tally::parse(text), None, "{text}");
    }
}

#[test]
fn seconds_are_rounded_up_and_at_least_one() {
    assert_eq!([0, 1, 1000, 1001].map(seconds), [1, 1, 1, 2]);
}

#[test]
fn the_self_test_passes() {
    assert_eq!(self_test(), Ok(()));
}
