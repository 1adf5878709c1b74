//! Counting structures in the server's memory, which all instances of a plugin see at once.
//!
//! Each is a name; a name `SCOPE/NAME` belongs to a scope that other plugins share.

use crate::clock::milliseconds;
use crate::host;
use std::time::Duration;

pub use crate::bindings::wasmpuck::plugin::shared::Error;

macro_rules! structure {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a>(pub &'a str);

        impl $name<'_> {
            /// Removes the structure; whether there was one.
            pub fn remove_whole(&self) -> Result<bool, Error> {
                host::shared::remove(self.0)
            }
        }
    };
}

structure!(
    /// A number.
    Counter
);
structure!(
    /// Sums by key over the last while.
    Window
);
structure!(
    /// Members, each perhaps for a while.
    Set
);
structure!(
    /// The heaviest members.
    Top
);
structure!(
    /// About how many different members there were.
    Distinct
);

impl Counter<'_> {
    /// Adds and returns what the counter is then.
    pub fn add(&self, delta: f64) -> Result<f64, Error> {
        host::shared::counter_add(self.0, delta)
    }

    /// What it is.
    pub fn get(&self) -> Result<f64, Error> {
        self.add(0.0)
    }
}

impl Window<'_> {
    /// Adds `weight` under a key and returns the sum over the last `span`, which the first use fixes.
    pub fn add(&self, key: &str, weight: f64, span: Duration) -> Result<f64, Error> {
        host::shared::window_add(self.0, key, weight, milliseconds(span))
    }
}

impl Set<'_> {
    /// Puts a member in, or renews it; whether it was new.
    pub fn add(&self, member: &str, life: Option<Duration>) -> Result<bool, Error> {
        host::shared::set_add(self.0, member, life.map(milliseconds))
    }

    /// Whether it has a member.
    pub fn has(&self, member: &str) -> Result<bool, Error> {
        host::shared::set_has(self.0, member)
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&self, member: &str) -> Result<bool, Error> {
        host::shared::set_remove(self.0, member)
    }

    /// How many members it has.
    pub fn size(&self) -> Result<u32, Error> {
        host::shared::set_size(self.0)
    }
}

impl Top<'_> {
    /// Counts a member among the `keep` heaviest (fixed by the first use).
    pub fn add(&self, member: &str, weight: f64, keep: u32) -> Result<(), Error> {
        host::shared::top_add(self.0, member, weight, keep)
    }

    /// The heaviest members with their weights.
    pub fn list(&self, count: u32) -> Result<Vec<(String, f64)>, Error> {
        host::shared::top_list(self.0, count)
    }
}

impl Distinct<'_> {
    /// Counts a member.
    pub fn add(&self, member: &str) -> Result<(), Error> {
        host::shared::distinct_add(self.0, member)
    }

    /// About how many there were.
    pub fn count(&self) -> Result<f64, Error> {
        host::shared::distinct_count(self.0)
    }
}
