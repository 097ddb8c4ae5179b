//! `readiness`, `healthcheck` and `on_unhealthy` as YAML.

use crate::base::yaml_text::scalar;
use crate::config::model::{Check, GOOD_STATUS, Policy, Probe};

use super::{Page, duration, for_shell};

impl Page {
    pub(super) fn checks(&mut self, policy: &Policy, plain: &Policy) {
        if let Some(check) = &policy.readiness {
            self.section("readiness", |page| page.check(check, &Check::readiness(Probe::Notify)));
        }
        if let Some(check) = &policy.healthcheck {
            self.section("healthcheck", |page| page.check(check, &Check::health(Probe::Notify)));
        }
        self.unless("on_unhealthy", &policy.on_unhealthy, &plain.on_unhealthy, |what| what.name().to_owned());
    }

    /// A check whose times are told where they are not the `plain` ones.
    fn check(&mut self, check: &Check, plain: &Check) {
        match &check.probe {
            Probe::Exec(argv) => match for_shell(argv) {
                Some(line) => self.text("exec", line),
                None => self.list("exec", argv),
            },
            Probe::Tcp(text) => self.plain("tcp", &scalar(text)),
            Probe::Http { url, status } => {
                self.plain("http", &scalar(url));
                self.unless("status", status, &GOOD_STATUS, |(low, high)| {
                    if low == high { low.to_string() } else { format!("{low}-{high}") }
                });
            }
            Probe::Log(pattern) => self.plain("log", &scalar(pattern)),
            Probe::Notify => self.plain("notify", "true"),
            Probe::Fd(number) => self.plain("fd", &number.to_string()),
        }
        self.unless("interval", &check.interval, &plain.interval, duration);
        self.unless("timeout", &check.timeout, &plain.timeout, duration);
        self.unless("start_period", &check.start_period, &plain.start_period, duration);
        self.unless("start_interval", &check.start_interval, &plain.start_interval, duration);
        self.unless("retries", &check.retries, &plain.retries, u32::to_string);
    }
}
