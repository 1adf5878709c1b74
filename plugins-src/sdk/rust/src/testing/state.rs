//! What the simulated server knows.

use super::Line;
use crate::bindings::wasmpuck::plugin::keys::Summary;
use crate::bindings::wasmpuck::plugin::messaging;
use crate::metrics::Declaration;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

type Peer = Rc<dyn Fn(&str, &str) -> Result<String, messaging::Error>>;

/// What an entry of the storage is.
#[derive(Clone, PartialEq)]
pub enum Value {
    Text(String),
    Count(f64),
    Bytes(Vec<u8>),
}

pub struct State {
    pub now: f64,
    pub settings: String,
    pub logs: Vec<Line>,
    /// Key to value and end of life.
    pub entries: BTreeMap<String, (Value, Option<f64>)>,
    pub metrics: BTreeMap<String, Declaration>,
    pub series: BTreeMap<(String, Vec<String>), f64>,
    pub tasks: BTreeMap<String, f64>,
    pub patterns: BTreeSet<String>,
    pub published: Vec<(String, String)>,
    pub counters: BTreeMap<String, f64>,
    pub sets: BTreeMap<String, BTreeMap<String, Option<f64>>>,
    pub keys: Vec<(Summary, String)>,
    pub secrets: BTreeMap<String, String>,
    pub peers: BTreeMap<String, Peer>,
    /// Of the generator of numbers that are the same in every test.
    pub seed: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            now: 1_700_000_000_000.0,
            settings: "{}".into(),
            logs: Vec::new(),
            entries: BTreeMap::new(),
            metrics: BTreeMap::new(),
            series: BTreeMap::new(),
            tasks: BTreeMap::new(),
            patterns: BTreeSet::new(),
            published: Vec::new(),
            counters: BTreeMap::new(),
            sets: BTreeMap::new(),
            keys: Vec::new(),
            secrets: BTreeMap::new(),
            peers: BTreeMap::new(),
            seed: 1,
        }
    }
}

impl State {
    /// The living value of an entry.
    pub fn value(&self, key: &str) -> Option<&Value> {
        let (value, end) = self.entries.get(key)?;
        end.is_none_or(|end| end > self.now).then_some(value)
    }

    /// When something ends that lives so many milliseconds.
    pub fn end(&self, life: Option<u32>) -> Option<f64> {
        life.map(|life| self.now + f64::from(life))
    }
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

pub fn with<T>(action: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(action)
}
