//! Joins the traits to the contract's exports.

use crate::bindings::exports::wasmpuck::plugin::{
    admission, event_handler, formatter, handover, lifecycle, middleware, routes, services, task_handler,
};
use crate::error::Error;
use crate::metrics::Declaration;
use crate::{Admission, Events, Formatter, Handover, Lifecycle, Middleware, Routes, Services, Tasks};
use crate::{breakdown, settings};
use std::cell::RefCell;
use std::marker::PhantomData;
use std::thread::LocalKey;

/// What `#[plugin]` adds to a type.
pub trait Plugin: Lifecycle {
    /// Of the package, as the two below.
    const NAME: &'static str;
    #[allow(missing_docs)]
    const VERSION: &'static str;
    #[allow(missing_docs)]
    const DESCRIPTION: &'static str;

    /// Where the one value of a component's instance lies.
    fn instance() -> &'static LocalKey<RefCell<Option<Self>>>;

    /// What it reports.
    fn metrics() -> Vec<Declaration>;
}

/// Implements wit-bindgen's traits for a plugin.
pub struct Exported<T>(PhantomData<T>);

/// Runs `action` on the instance. The server calls `init` first, and never calls an instance while it answers.
fn with<T: Plugin, R>(action: impl FnOnce(&mut T) -> R) -> R {
    breakdown::watch();
    T::instance().with_borrow_mut(|instance| action(instance.as_mut().expect("init was called first")))
}

/// The same for calls that cannot say that they failed: the error is logged and the call ends.
fn or_break<T: Plugin, R>(call: &str, action: impl FnOnce(&mut T) -> Result<R, Error>) -> R {
    with(action).unwrap_or_else(|error| breakdown::end(call, &error))
}

fn checked<T: Plugin>(config: &str) -> Result<T::Settings, Vec<lifecycle::Problem>> {
    let settings = settings::parse(config)?;
    let problems = T::check(&settings);
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

impl<T: Plugin> lifecycle::Guest for Exported<T> {
    fn describe() -> lifecycle::Info {
        lifecycle::Info {
            name: T::NAME.into(),
            version: T::VERSION.into(),
            description: T::DESCRIPTION.into(),
            metrics: T::metrics(),
        }
    }

    fn validate_config(config: String) -> Vec<lifecycle::Problem> {
        breakdown::watch();
        checked::<T>(&config).err().unwrap_or_default()
    }

    fn init(config: String) -> Result<(), lifecycle::Failure> {
        breakdown::watch();
        let settings = checked::<T>(&config).map_err(lifecycle::Failure::Configuration)?;
        let instance = T::init(settings)?;
        T::instance().set(Some(instance));
        Ok(())
    }

    fn start() -> Result<(), lifecycle::Failure> {
        Ok(with(T::start)?)
    }

    fn health() -> lifecycle::Condition {
        with(T::health)
    }

    fn self_test() -> Result<(), lifecycle::Failure> {
        Ok(with(T::self_test)?)
    }

    fn shutdown(reason: lifecycle::Reason) {
        with(|plugin: &mut T| plugin.shutdown(reason));
    }
}

impl<T: Plugin + Handover> handover::Guest for Exported<T> {
    fn prepare_swap() -> Option<String> {
        or_break("prepare-swap", T::prepare_swap)
    }

    fn restore(state: String) -> Result<(), lifecycle::Failure> {
        Ok(with(|plugin: &mut T| plugin.restore(state))?)
    }
}

impl<T: Plugin + Middleware> middleware::Guest for Exported<T> {
    fn describe_scope() -> middleware::Scope {
        with(|plugin: &mut T| plugin.scope())
    }

    fn on_request(request: middleware::Request) -> middleware::Decision {
        or_break("on-request", |plugin: &mut T| plugin.on_request(request))
    }

    fn on_response(request: middleware::Request, answer: middleware::Answer) -> middleware::Amendment {
        or_break("on-response", |plugin: &mut T| plugin.on_response(request, answer))
    }
}

impl<T: Plugin + Admission> admission::Guest for Exported<T> {
    fn describe_scope() -> admission::Scope {
        with(|plugin: &mut T| plugin.scope())
    }

    fn judge(submission: admission::Submission) -> admission::Verdict {
        or_break("judge", |plugin: &mut T| plugin.judge(submission))
    }
}

impl<T: Plugin + Routes> routes::Guest for Exported<T> {
    fn describe_routes() -> Vec<routes::Route> {
        with(|plugin: &mut T| plugin.routes())
    }

    fn handle(request: routes::Request) -> routes::Outcome {
        or_break("handle", |plugin: &mut T| Routes::handle(plugin, request))
    }
}

impl<T: Plugin + Formatter> formatter::Guest for Exported<T> {
    fn describe_formats() -> Vec<formatter::Format> {
        with(|plugin: &mut T| plugin.formats())
    }

    fn render(request: formatter::Request) -> formatter::Outcome {
        or_break("render", |plugin: &mut T| plugin.render(request))
    }
}

impl<T: Plugin + Services> services::Guest for Exported<T> {
    fn describe_services() -> Vec<services::Service> {
        with(|plugin: &mut T| plugin.services())
    }

    fn call(request: services::Request) -> services::Reply {
        or_break("call", |plugin: &mut T| plugin.call(request))
    }
}

impl<T: Plugin + Tasks> task_handler::Guest for Exported<T> {
    fn run(name: String) -> task_handler::Outcome {
        match with(|plugin: &mut T| plugin.run(&name)) {
            Ok(()) => task_handler::Outcome::Done,
            Err(error) => task_handler::Outcome::Failed(format!("{error:?}")),
        }
    }
}

impl<T: Plugin + Events> event_handler::Guest for Exported<T> {
    fn handle(event: event_handler::Event) -> event_handler::Outcome {
        match with(|plugin: &mut T| plugin.on_event(event)) {
            Ok(()) => event_handler::Outcome::Done,
            Err(error) => event_handler::Outcome::Failed(format!("{error:?}")),
        }
    }
}
