//! The description of the interface (OpenAPI 3.1), made from the table of operations.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;

use super::call::{Answer, Call};
use super::operation::{At, Gives, OPERATIONS, Operation, Takes};
use crate::error::PublishError;
use crate::problem::{self, Code};

/// Adds a schema, and those that it names, and answers a reference to it.
pub(super) type Schema = fn(&mut BTreeMap<String, Json>) -> Json;

/// The schema of a type.
pub(super) fn of<T: ToSchema>(schemas: &mut BTreeMap<String, Json>) -> Json {
    let name = T::name().into_owned();
    if !schemas.contains_key(&name) {
        let mut all = vec![(name.clone(), T::schema())];
        T::schemas(&mut all);
        for (name, schema) in all {
            schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
        }
    }
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

const DESCRIPTION: &str = "\
Every object of the site has one URL, and answers there. Reading asks for JSON by `Accept: application/json`; what browsers \
ask for stays HTML. Every write is one commit, which the answer names, with the request that takes it back. \
`If-Match` with the tag of an object refuses a write where the object was changed since. \
Behind `/@v/NAME`, or with the header `Bough-Version: NAME`, everything is read and written in that version; behind \
`/@at/MOMENT` everything is read as it was at that commit or time.";

const PATH: &str = "\
The path of an object. It may contain slashes, each between two names; the path of a container ends in one. It is one \
parameter here because OpenAPI has none for several steps: slashes in it are not encoded. Empty for what `/` names.";

/// `GET /@@openapi.json`.
pub(super) fn get(_: &Call<'_>) -> Result<Answer, PublishError> {
    Answer::ok(&document())
}

/// The whole description.
pub(super) fn document() -> Json {
    let mut schemas = BTreeMap::new();
    let mut paths: Map<String, Json> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(path_of(operation)).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_lowercase()] = described(operation, &mut schemas);
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Bough", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

/// The address of an operation as the description has it.
pub(super) fn path_of(operation: &Operation) -> String {
    let mut path = match operation.at {
        At::Object => "/{path}".to_owned(),
        At::Top => String::new(),
    };
    if let Some(view) = operation.view {
        path.push_str(&format!("/@@{view}"));
    }
    for step in operation.steps {
        path.push('/');
        path.push_str(step);
    }
    path
}

fn described(operation: &Operation, schemas: &mut BTreeMap<String, Json>) -> Json {
    let mut parameters = Vec::new();
    let text = json!({ "type": "string" });
    if operation.at == At::Object {
        parameters.push(json!({
            "name": "path", "in": "path", "required": true, "schema": text, "description": PATH,
        }));
    }
    for step in operation.steps.iter().filter_map(|step| step.strip_prefix('{')) {
        let name = step.trim_end_matches('}');
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": text }));
    }
    for (name, description) in operation.query {
        let schema = match *name {
            "limit" | "skip" => json!({ "type": "integer", "minimum": 0 }),
            _ => text.clone(),
        };
        parameters.push(json!({ "name": name, "in": "query", "schema": schema, "description": description }));
    }
    if operation.view.is_none() && operation.method != Method::GET {
        let description = "The tag of the object, or `*` for any.";
        parameters
            .push(json!({ "name": "If-Match", "in": "header", "schema": text, "description": description }));
        if operation.method == Method::PUT {
            let description = "`*` to make an object only where there is none.";
            parameters.push(
                json!({ "name": "If-None-Match", "in": "header", "schema": text, "description": description }),
            );
        }
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation, schemas),
    });
    if let Some(permission) = operation.needs {
        described["description"] = format!("Takes the permission \"{permission}\" at the object.").into();
    }
    if let Some(body) = body(operation, schemas) {
        described["requestBody"] = body;
    }
    described
}

fn body(operation: &Operation, schemas: &mut BTreeMap<String, Json>) -> Option<Json> {
    let json_body = |schema: Json| json!({ "application/json": { "schema": schema } });
    let (content, required) = match &operation.takes {
        Takes::Nothing => return None,
        Takes::Json(schema) if operation.method == Method::PATCH => {
            let schema = schema(schemas);
            let content = json!({
                "application/merge-patch+json": { "schema": schema }, "application/json": { "schema": schema },
            });
            (content, true)
        }
        Takes::Json(schema) => (json_body(schema(schemas)), true),
        Takes::MaybeJson(schema) => (json_body(schema(schemas)), false),
        Takes::Content(schema) => {
            let mut content = json_body(schema(schemas));
            content["*/*"] = json!({});
            (content, true)
        }
        Takes::Files(schema) => {
            let mut content = json_body(schema(schemas));
            let file = json!({ "type": "string", "contentMediaType": "application/octet-stream" });
            let files = json!({ "type": "array", "items": file });
            content["multipart/form-data"] =
                json!({ "schema": { "type": "object", "properties": { "file": files } } });
            (content, true)
        }
    };
    Some(json!({ "required": required, "content": content }))
}

fn responses(operation: &Operation, schemas: &mut BTreeMap<String, Json>) -> Json {
    let json_content = |schema: Json| json!({ "application/json": { "schema": schema } });
    let problem = json!({
        "description": "It was not done.",
        "content": { problem::MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut responses = json!({ "4XX": problem, "5XX": problem });
    match &operation.gives {
        Gives::Json(schema) => {
            let mut content = json_content(schema(schemas));
            if operation.id == "undo" {
                let plan = of::<super::dto::UndoPlan>(schemas);
                content["application/json"]["schema"] =
                    json!({ "anyOf": [content["application/json"]["schema"], plan] });
            }
            responses["200"] = json!({ "description": "It was done.", "content": content });
        }
        Gives::Created(schema) => {
            let content = json_content(schema(schemas));
            let header = json!({ "Location": { "schema": { "type": "string" } } });
            responses["201"] =
                json!({ "description": "It was made.", "headers": header, "content": content });
            if operation.method == Method::PUT {
                responses["200"] =
                    json!({ "description": "It was there and is changed.", "content": content });
            }
        }
        Gives::Bytes => {
            let any = json!({ "text/plain": {}, "application/octet-stream": {}, "application/json": {} });
            responses["200"] = json!({ "description": "What the attribute holds.", "content": any });
        }
        Gives::Description => {
            let any = json!({ "application/json": { "schema": { "type": "object" } } });
            responses["200"] = json!({ "description": "OpenAPI 3.1.", "content": any });
        }
    }
    if operation.view.is_none() && operation.is_safe() {
        // The same address shows a page, or a file of any kind, to those who do not ask for JSON.
        for status in ["200", "4XX", "5XX"] {
            responses[status]["content"]["*/*"] = json!({});
        }
    }
    responses
}

fn problem_schema() -> Json {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.facts().0).collect();
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "description": "Why something was not done (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "id"],
        "properties": {
            "type": text, "title": text, "status": { "type": "integer" }, "detail": text,
            "code": { "type": "string", "enum": codes, "description": "Stays the same over releases." },
            "id": { "type": "string", "description": "Under which the log knows the request." },
            "expected": text, "found": text, "advice": text,
        },
    })
}
