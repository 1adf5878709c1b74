//! The arithmetic of a sliding window: no clock, no storage, no input or output.
//!
//! A window is cut into [`SLICES`] slices. A request is counted in the slice in which it is made and leaves the count
//! when that slice lies wholly outside the window: between one window and one window plus one slice later. So no span
//! as long as the window ever holds more allowed requests than the limit, and a client is held back at most one slice
//! longer than an exact log would.

/// Slices of a window.
pub const SLICES: u64 = 16;

/// Slices that are kept: those of the window, and the one that lies partly outside of it.
const KEPT: usize = SLICES as usize + 1;

/// How often a client may do something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// Requests a window, at least 1.
    pub limit: u32,
    /// Length of a slice in milliseconds, at least 1.
    pub slice: u64,
    /// Requests that may be permitted in advance, beyond the one that is judged.
    pub lease: u32,
}

impl Quota {
    /// A quota of `limit` requests in `window` milliseconds; slices are rounded up, so the window is never shorter.
    pub fn new(limit: u32, window: u64, lease: u32) -> Self {
        Quota { limit, slice: window.div_ceil(SLICES).max(1), lease }
    }

    /// How long a count matters after it was written, in milliseconds.
    pub fn lifetime(&self) -> u64 {
        self.slice * KEPT as u64
    }
}

/// What becomes of a request. Times are milliseconds from now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ruling {
    /// It may pass, and it has been counted.
    Allowed {
        /// Requests that are left.
        remaining: u32,
        /// Until more are left than that.
        reset: u64,
        /// Further requests that have been counted in advance.
        leased: u32,
        /// How long those may be used: to the end of the slice in which they are counted.
        lease_time: u64,
    },
    /// It may not pass, and it has not been counted.
    Refused {
        /// Until the next request may pass.
        retry: u64,
    },
}

/// What one client did lately: requests by slice. The default is a client that did nothing yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Number of the newest slice since 1970.
    newest: u64,
    /// Requests by slice, newest first.
    counts: [u32; KEPT],
}

impl Tally {
    /// Reads what [`Tally::render`] wrote; `None` when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (newest, list) = text.split_once(':')?;
        let mut tally = Tally { newest: newest.parse().ok()?, counts: [0; KEPT] };
        for (place, count) in list.split(',').enumerate() {
            *tally.counts.get_mut(place)? = count.parse().ok()?;
        }
        Some(tally)
    }

    /// `NEWEST:COUNT,COUNT,…`, newest first, without the zeros at the end.
    pub fn render(&self) -> String {
        let used = self.counts.iter().rposition(|count| *count > 0).map_or(1, |last| last + 1);
        let mut text = self.newest.to_string();
        for (place, count) in self.counts[..used].iter().enumerate() {
            text.push(if place == 0 { ':' } else { ',' });
            text.push_str(&count.to_string());
        }
        text
    }

    /// Requests that count at this moment.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Whether nothing in it counts any more at `now` (milliseconds since 1970).
    pub fn is_over(&self, quota: &Quota, now: u64) -> bool {
        let mut later = self.clone();
        later.advance(now / quota.slice);
        later.total() == 0
    }

    /// Judges one request at `now` (milliseconds since 1970) and counts it when it may pass.
    ///
    /// A lease is never larger than what the client has already used in the running slice, so a client that asks now
    /// and then is not charged for requests that it does not make.
    pub fn judge(&mut self, quota: &Quota, now: u64) -> Ruling {
        self.advance(now / quota.slice);
        let total = self.total();
        let limit = u64::from(quota.limit);
        if total >= limit {
            return Ruling::Refused { retry: self.falls_below(limit, quota).saturating_sub(now) };
        }
        // Fits: `limit` is a u32 and `total` lies below it.
        let left = (limit - total) as u32 - 1;
        let leased = quota.lease.min(left).min(self.counts[0]);
        self.counts[0] += 1 + leased;
        Ruling::Allowed {
            remaining: left - leased,
            reset: self.falls_below(self.total(), quota).saturating_sub(now),
            leased,
            lease_time: ((now / quota.slice + 1) * quota.slice).saturating_sub(now),
        }
    }

    /// Moves on to slice `index`. A clock that was set back counts into the newest slice; set back by more than a
    /// window, it starts anew, because otherwise a client would stay refused until the clock catches up.
    fn advance(&mut self, index: u64) {
        if index.saturating_add(SLICES) < self.newest {
            *self = Tally { newest: index, counts: [0; KEPT] };
        } else if index > self.newest {
            let steps = usize::try_from(index - self.newest).unwrap_or(KEPT).min(KEPT);
            self.counts.rotate_right(steps);
            self.counts[..steps].fill(0);
            self.newest = index;
        }
    }

    /// The time (milliseconds since 1970) from which fewer than `bound` of the counted requests count.
    fn falls_below(&self, bound: u64, quota: &Quota) -> u64 {
        let mut total = self.total();
        for (place, count) in self.counts.iter().enumerate().rev() {
            total -= u64::from(*count);
            if total < bound {
                return (self.newest + (KEPT - place) as u64) * quota.slice;
            }
        }
        (self.newest + KEPT as u64) * quota.slice
    }
}

/// Milliseconds as whole seconds for a header, rounded up, at least 1.
pub fn seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1000).max(1)
}

/// Runs the arithmetic on made-up requests; the message says what came out wrong.
pub fn self_test() -> Result<(), String> {
    let quota = Quota::new(5, 16_000, 0);
    let mut tally = Tally::default();
    let start = 1_700_000_000_000;
    for number in 0..5u32 {
        match tally.judge(&quota, start + u64::from(number) * 1000) {
            Ruling::Allowed { remaining, .. } if remaining == 4 - number => {}
            other => return Err(format!("request {number} of 5 allowed ones came out as {other:?}")),
        }
    }
    let retry = match tally.judge(&quota, start + 5000) {
        Ruling::Refused { retry } => retry,
        other => return Err(format!("the request above the limit came out as {other:?}")),
    };
    if Tally::parse(&tally.render()).as_ref() != Some(&tally) {
        return Err(format!("the counts {} are not read back as they were written", tally.render()));
    }
    if let Ruling::Allowed { .. } = tally.clone().judge(&quota, start + 5000 + retry - 1) {
        return Err("a request passed before the time named in Retry-After".into());
    }
    match tally.judge(&quota, start + 5000 + retry) {
        Ruling::Allowed { .. } => Ok(()),
        other => Err(format!("the request at the time named in Retry-After came out as {other:?}")),
    }
}

#[cfg(test)]
mod tests;
