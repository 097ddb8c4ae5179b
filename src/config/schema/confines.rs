//! The shapes of what a program is confined to.

use serde_json::{Map, Value, json};

use crate::base::capability::Capabilities;
use crate::base::resource::{Resource, Unit};
use crate::base::scheduling::IoPriority;
use crate::base::units::LONGEST;
use crate::config::program::{CAPABILITY_KEYS, CapabilityKey, PIDS, UNLIMITED};

use super::{DECIMAL, Said, account, any_case, any_of, integer, octal, path, section, text_like};

/// Each resource with its limit.
pub(super) fn rlimits() -> Value {
    let limits: Map<String, Value> =
        Resource::NAMES.into_iter().map(|(name, resource)| (name.to_owned(), limit(resource))).collect();
    json!({"type": ["object", "null"], "properties": limits, "additionalProperties": false})
}

fn limit(resource: Resource) -> Value {
    let (value, about) = match resource.unit() {
        Unit::Bytes => (SIZE.replace("DECIMAL", DECIMAL), "In bytes, or as 8MB."),
        Unit::Count => ("[0-9]+".to_owned(), "A number."),
        Unit::Seconds | Unit::Micros => (DURATION.replace("DECIMAL", DECIMAL), "In seconds, or as 10m."),
    };
    let one = format!(r"\s*({value}|{})\s*", any_case(UNLIMITED));
    let number = match resource.unit() {
        Unit::Bytes => json!({"type": "number", "minimum": 0}),
        Unit::Count => json!({"type": "integer", "minimum": 0}),
        Unit::Seconds | Unit::Micros => json!({"type": "number", "minimum": 0, "maximum": LONGEST.as_secs()}),
    };
    json!({
        "description": format!("{about} One value, or the soft and the hard limit with a colon between them."),
        "anyOf": [number, {"enum": [UNLIMITED]}, text_like(&format!("^{one}(:{one})?$"))],
    })
}

const SIZE: &str = r"DECIMAL\s*([KkMmGgTt]([Ii]?[Bb])?|[Bb])?";
const DURATION: &str = r"(DECIMAL|(DECIMAL(ms|s|min|m|h|d)\s*)+)";

pub(super) fn ionice() -> Value {
    let [realtime, best_effort, idle] = IoPriority::CLASSES;
    let spelled = format!("^({}(:[0-7])?|{})$", any_of(&[realtime, best_effort]), any_case(idle));
    json!({"anyOf": [{"enum": IoPriority::CLASSES}, text_like(&spelled)]})
}

pub(super) fn processors() -> Value {
    const ONE: &str = r"\s*[0-9]+\s*(-\s*[0-9]+\s*)?";
    let number = json!({"type": "integer", "minimum": 0, "maximum": 8191});
    let list = text_like(&format!("^{ONE}(,{ONE})*$"));
    json!({"anyOf": [number, list, {"type": "array", "items": {"anyOf": [number, list]}, "minItems": 1}]})
}

pub(super) fn memory() -> Value {
    let units = format!(r"^\s*{}\s*$", SIZE.replace("DECIMAL", DECIMAL));
    json!({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, unlimited(), text_like(&units)]})
}

pub(super) fn share() -> Value {
    json!({"anyOf": [unlimited(), text_like(r"^\s*[0-9]+(\.[0-9]{1,2})?\s*%\s*$")]})
}

pub(super) fn pids() -> Value {
    json!({"anyOf": [integer(&PIDS), unlimited()]})
}

fn unlimited() -> Value {
    json!({"anyOf": [{"enum": [UNLIMITED]}, text_like(&format!("^{}$", any_case(UNLIMITED)))]})
}

pub(super) fn capabilities() -> Value {
    section(&CAPABILITY_KEYS, |key| -> Said {
        match key {
            CapabilityKey::Bounding => (names(), "The only capabilities that it can ever have. Default: the daemon's."),
            CapabilityKey::Ambient => (names(), "Capabilities that it has without being root. Default: []."),
        }
    })
}

/// One capability, or a list.
fn names() -> Value {
    let spelled = format!("^({})?{}$", any_case("CAP_"), any_of(Capabilities::names()));
    let one = json!({"anyOf": [{"enum": Capabilities::names()}, text_like(&spelled)]});
    json!({"anyOf": [one, {"type": "array", "items": one}]})
}

/// One group, or a list.
pub(super) fn groups() -> Value {
    json!({"anyOf": [account(), {"type": "array", "items": account()}, {"type": "null"}]})
}

pub(super) fn directories() -> Value {
    let about = json!({
        "type": ["object", "null"],
        "properties": {"owner": account(), "group": account(), "mode": octal()},
        "additionalProperties": false,
    });
    let list = json!({"type": "array", "items": path(), "uniqueItems": true});
    let map = json!({"type": "object", "propertyNames": {"minLength": 1}, "additionalProperties": about});
    json!({"anyOf": [path(), list, map, {"type": "null"}]})
}
