//! The document as the tests read it: whether an answer is one that it describes.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use hyper::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::Answer;

/// The document.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&workdisk::http::openapi_json()).unwrap());

/// Demands that the document describes the answer to the request.
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let status = answer.status.as_u16().to_string();
    let described = operation(method, path).map(|operation| &operation["responses"][&status]);
    let schema = match described {
        // No operation answers them: the path or the method is none of the document's.
        None => json!({"$ref": "#/components/schemas/Problem"}),
        Some(Value::Null) => panic!("{method} {path} answered {status}: {}", answer.body),
        Some(response) if response["content"].is_null() => {
            assert_eq!(
                answer.body,
                Value::Null,
                "{method} {path} {status} has a body"
            );
            return;
        }
        Some(response) => {
            let kind = answer.header("content-type");
            let schema = &response["content"][kind]["schema"];
            assert!(!schema.is_null(), "{method} {path} {status} is {kind}");
            schema.clone()
        }
    };
    let errors: Vec<String> = validate(schema, &answer.body);
    assert_eq!(errors, [""; 0], "{method} {path} {status}: {}", answer.body);
}

fn validate(schema: Value, body: &Value) -> Vec<String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().unwrap();
    let validator = validators.entry(schema.to_string()).or_insert_with(|| {
        let root = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&root)
            .unwrap()
    });
    validator
        .iter_errors(body)
        .map(|error| error.to_string())
        .collect()
}

/// The operation that a request is for. A path that stands in the document goes before one with parameters.
pub(crate) fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let method = method.as_str().to_ascii_lowercase();
    let exact = paths.get(path).and_then(|item| item.get(&method));
    let fitting = || {
        let mut fitting = paths.iter().filter(|(template, _)| fits(template, path));
        fitting.find_map(|(_, item)| item.get(&method))
    };
    exact.or_else(fitting)
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(part, given)| part == given || (part.starts_with('{') && !given.is_empty()))
}
