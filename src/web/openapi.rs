//! The description of the interface (OpenAPI 3.1), made from the table of routes, so that it cannot say anything else.

use serde_json::{Map, Value as Json, json};

use super::http::Method;
use super::reply::Kind;
use super::route::{Query, ROUTES, Route, Value, What};

/// The document.
#[must_use]
pub fn document() -> Vec<u8> {
    let mut paths: Map<String, Json> = Map::new();
    for route in ROUTES.iter().filter(|route| !matches!(route.what, What::File(_))) {
        let method = if route.method == Method::Post { "post" } else { "get" };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method.to_owned(), operation(route));
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "taskmaster",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What taskmasterd answers by HTTP; see taskmaster-http(7) and taskmaster-protocol(7).",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The text in taskmasterd.http.token_file."},
                "session": {"type": "apiKey", "in": "cookie", "name": "taskmaster_session"},
            },
            "schemas": {"Error": error()},
        },
    });
    let mut text = serde_json::to_vec_pretty(&document).unwrap_or_default();
    text.push(b'\n');
    text
}

fn error() -> Json {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["message"],
            "properties": {
                "code": {"type": "integer", "description": "As in JSON-RPC: taskmaster-protocol(7)."},
                "message": {"type": "string"},
            },
        }},
    })
}

fn operation(route: &Route) -> Json {
    let mut parameters: Vec<Json> = Vec::new();
    if route.path.contains("{name}") {
        let about = "A process, a program, a group (web:*) or a pattern.";
        parameters.push(json!({
            "name": "name", "in": "path", "required": true, "description": about, "schema": {"type": "string"},
        }));
    }
    parameters.extend(route.query.iter().map(
        |query| json!({"name": query.name, "in": "query", "description": query.about, "schema": shape(query.kind)}),
    ));
    let mut operation = json!({
        "summary": route.about,
        "operationId": id(route),
        "parameters": parameters,
        "responses": responses(route),
    });
    if let Some(operation) = operation.as_object_mut() {
        if !route.open {
            operation.insert("security".to_owned(), json!([{}, {"token": []}, {"session": []}]));
        }
        if route.method == Method::Post {
            operation.insert("requestBody".to_owned(), body(route));
        }
    }
    operation
}

/// `getApiStatus`, of the method and the parts of the path.
fn id(route: &Route) -> String {
    let mut id = String::from(if route.method == Method::Post { "post" } else { "get" });
    for part in route.path.split(['/', '{', '}', '.']).filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        id.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        id.extend(letters);
    }
    id
}

fn shape(kind: Value) -> Json {
    match kind {
        Value::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Value::Text => json!({"type": "string"}),
        Value::Number => json!({"type": "integer", "minimum": 0}),
        Value::Flag => json!({"type": "boolean"}),
    }
}

fn body(route: &Route) -> Json {
    let member = |query: &Query| {
        let mut shape = shape(query.kind);
        if let Some(shape) = shape.as_object_mut() {
            shape.insert("description".to_owned(), json!(query.about));
        }
        (query.name.to_owned(), shape)
    };
    let members: Map<String, Json> = route.body.iter().map(member).collect();
    let schema = if route.what == What::Rpc {
        json!({"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]})
    } else {
        json!({"type": "object", "properties": members, "additionalProperties": false})
    };
    json!({"content": {"application/json": {"schema": schema}}})
}

/// What comes of it. The results themselves are those of the control protocol, which has a page of its own.
fn responses(route: &Route) -> Json {
    let error = |about: &str| json!({"description": about, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}});
    let of = |kind: Kind, shape: Json| json!({"description": route.about, "content": {kind.media_type(): {"schema": shape}}});
    let object = || json!({"type": "object"});
    let text = || json!({"type": "string"});
    let mut all = Map::new();
    let good = match route.what {
        What::Health | What::Ready | What::Logs => of(Kind::Text, text()),
        What::Metrics => of(Kind::Metrics, text()),
        What::Events => of(Kind::Events, text()),
        What::Rpc => of(Kind::Json, json!({})),
        What::Socket => {
            all.insert("101".to_owned(), json!({"description": route.about}));
            error("It was not asked for as a WebSocket.")
        }
        What::File(_)
        | What::Session
        | What::Login
        | What::Status
        | What::Process
        | What::Act(_)
        | What::Reload
        | What::OpenApi => of(Kind::Json, object()),
    };
    all.insert(if route.what == What::Socket { "426" } else { "200" }.to_owned(), good);
    if route.what == What::Ready {
        all.insert("503".to_owned(), of(Kind::Text, text()));
    }
    if matches!(route.what, What::Act(_)) {
        all.insert(
            "409".to_owned(),
            json!({
                "description": "It did not do for all of them: the outcomes tell.",
                "content": {Kind::Json.media_type(): {"schema": object()}},
            }),
        );
    }
    if !route.open {
        all.insert("401".to_owned(), error("A token is needed."));
    }
    all.insert("default".to_owned(), error("It was not done."));
    Json::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let document: Json = serde_json::from_slice(&document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let mut ids = Vec::new();
        for route in ROUTES.iter().filter(|route| !matches!(route.what, What::File(_))) {
            let method = if route.method == Method::Post { "post" } else { "get" };
            let operation = &paths[route.path][method];
            assert_eq!(operation["summary"], route.about);
            let names: Vec<&str> =
                operation["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
            for query in route.query {
                assert!(names.contains(&query.name), "{}: {}", route.path, query.name);
            }
            assert_eq!(names.contains(&"name"), route.path.contains("{name}"));
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
        }
        let known: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(known, ids.len());
        ids.sort();
        ids.dedup();
        assert_eq!(known, ids.len());
    }
}
