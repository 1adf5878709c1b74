//! The plugin's own series in the server's metrics.
//!
//! A metric is a static, declared by the attribute and nowhere else; the number of its labels is part of its type.
//!
//! ```
//! use wasmpuck_plugin::metrics::Counter;
//!
//! static REQUESTS: Counter<1> = Counter::new("requests", "Requests seen, by operation.", ["operation"]);
//! // #[plugin(middleware, metrics(REQUESTS))]
//! # let _host = wasmpuck_plugin::testing::Host::new();
//! # wasmpuck_plugin::testing::declare(REQUESTS.declaration());
//! REQUESTS.add(["get"], 1.0)?;
//! # Ok::<(), wasmpuck_plugin::Error>(())
//! ```

use crate::host;

pub use crate::bindings::wasmpuck::plugin::metrics::{Declaration, Error, Kind};

macro_rules! metric {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<const LABELS: usize> {
            name: &'static str,
            help: &'static str,
            labels: [&'static str; LABELS],
            buckets: &'static [f64],
        }

        impl<const LABELS: usize> $name<LABELS> {
            /// A metric with a name (lower case letters, digits, `_`), a sentence of help and the names of its labels, at most 4.
            pub const fn new(name: &'static str, help: &'static str, labels: [&'static str; LABELS]) -> Self {
                assert!(LABELS <= 4, "a metric has at most 4 labels");
                Self { name, help, labels, buckets: &[] }
            }

            /// As the contract has it.
            pub fn declaration(&self) -> Declaration {
                Declaration {
                    name: self.name.into(),
                    kind: Kind::$name,
                    help: self.help.into(),
                    labels: self.labels.map(String::from).into(),
                    buckets: self.buckets.into(),
                }
            }
        }
    };
}

metric!(
    /// Only grows.
    Counter
);
metric!(
    /// Goes up and down.
    Gauge
);
metric!(
    /// Observations in buckets.
    Histogram
);

impl<const LABELS: usize> Counter<LABELS> {
    /// Adds to the series with these values of the labels.
    pub fn add(&self, labels: [&str; LABELS], value: f64) -> Result<(), Error> {
        host::metrics::add(self.name, &labels.map(String::from), value)
    }
}

impl<const LABELS: usize> Gauge<LABELS> {
    /// Adds to the series with these values of the labels.
    pub fn add(&self, labels: [&str; LABELS], value: f64) -> Result<(), Error> {
        host::metrics::add(self.name, &labels.map(String::from), value)
    }

    /// Sets it.
    pub fn set(&self, labels: [&str; LABELS], value: f64) -> Result<(), Error> {
        host::metrics::set(self.name, &labels.map(String::from), value)
    }
}

impl<const LABELS: usize> Histogram<LABELS> {
    /// The upper bounds of the buckets, ascending.
    pub const fn buckets(mut self, bounds: &'static [f64]) -> Self {
        self.buckets = bounds;
        self
    }

    /// Adds an observation.
    pub fn observe(&self, labels: [&str; LABELS], value: f64) -> Result<(), Error> {
        host::metrics::observe(self.name, &labels.map(String::from), value)
    }
}
