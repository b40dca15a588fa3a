//! Reading a JSON body by hand, so that everything wrong with it is told at once.
//!
//! A value is taken exactly as it is written: `1.0`, `1e3` and `"1"` are no integers, `null`
//! is no string, and a member that nobody asked for is an error, since a misspelt
//! `ttl_second` must not be ignored in silence.

use serde_json::Value;

use super::problem::{Code, InvalidField, Problem};

/// The deepest nesting of arrays and objects that is read.
const MAX_DEPTH: usize = 64;

/// Parses a body.
///
/// # Errors
/// `malformed_request` for what is not JSON, or nested too deeply.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    if is_too_deep(bytes) {
        let detail = format!("The body is nested deeper than {MAX_DEPTH} levels.");
        return Err(Problem::new(Code::MalformedRequest, detail));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let detail = format!("The body is not JSON: see line {line}, column {column}.");
        Problem::new(Code::MalformedRequest, detail)
    })
}

/// Counts brackets outside strings; it needs no valid JSON to be right about the depth.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Why a value is not what a member wants: a predicate, as in "must be true or false".
pub(super) type Wrong = String;

/// The members of one JSON object, taken one by one. What is wrong is collected on the way.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// Those that nobody has taken yet.
    members: Vec<(&'a str, &'a Value)>,
    at: String,
    errors: Vec<InvalidField>,
}

impl<'a> Fields<'a> {
    /// The members of `body`; anything but an object is an error of the whole.
    pub(super) fn of(body: &'a Value) -> Fields<'a> {
        Fields::at(body, String::new())
    }

    /// The members of a value that stands at the pointer `at`.
    pub(super) fn at(value: &'a Value, at: String) -> Fields<'a> {
        match value {
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
                Fields { members, at, errors: Vec::new() }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                let errors = vec![InvalidField::new(at.clone(), "must be a JSON object")];
                Fields { members: Vec::new(), at, errors }
            }
        }
    }

    fn take(&mut self, name: &str) -> Option<&'a Value> {
        let at = self.members.iter().position(|(known, _)| *known == name)?;
        Some(self.members.remove(at).1)
    }

    /// Notes a member that must be there and is not.
    pub(super) fn require(&mut self, name: &str) {
        // Of something that is no object, no member is missed.
        let is_object = self.errors.iter().all(|error| error.pointer != self.at);
        if is_object && !self.members.iter().any(|(known, _)| *known == name) {
            self.errors.push(InvalidField::new(self.pointer(name), "is missing"));
        }
    }

    /// A member that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.require(name);
        self.optional(name, read)
    }

    /// A member that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.take(name)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.errors.push(InvalidField::new(self.pointer(name), wrong));
                None
            }
        }
    }

    /// A member that may be absent, and that `null` clears.
    pub(super) fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Wrong>,
    ) -> Option<Option<T>> {
        self.optional(name, |value| if value.is_null() { Ok(None) } else { read(value).map(Some) })
    }

    /// A member with members of its own, read by `read` with the pointer to it.
    pub(super) fn nested<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value, &str) -> Result<T, Vec<InvalidField>>,
    ) -> Option<T> {
        let value = self.take(name)?;
        read(value, &self.pointer(name)).map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// What was read, if nothing was wrong; members that nobody took are.
    pub(super) fn finish<T>(
        mut self,
        value: impl FnOnce() -> Option<T>,
    ) -> Result<T, Vec<InvalidField>> {
        let unknown: Vec<String> =
            self.members.iter().map(|(name, _)| self.pointer(name)).collect();
        let unknown = unknown.into_iter();
        self.errors.extend(unknown.map(|at| InvalidField::new(at, "is not a known member")));
        match value() {
            Some(value) if self.errors.is_empty() => Ok(value),
            Some(_) | None => Err(self.errors),
        }
    }

    fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(body: &str) -> Vec<(String, String)> {
        let body = parse(body.as_bytes()).expect("JSON");
        let mut fields = Fields::of(&body);
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("bad".to_owned());
        let a = fields.required("a", text);
        let b = fields.nullable("b", text);
        let read = fields.finish(|| Some((a?, b)));
        let listed = read.err().unwrap_or_default();
        listed.into_iter().map(|error| (error.pointer, error.detail)).collect()
    }

    #[test]
    fn everything_wrong_is_listed() {
        let at = |text: &str, pointers: &[&str]| {
            let found: Vec<String> = errors(text).into_iter().map(|(at, _)| at).collect();
            assert_eq!(found, pointers, "{text}");
        };
        at(r#"{"a":"x"}"#, &[]);
        at(r#"{"a":"x","b":null}"#, &[]);
        at(r#"{"b":1}"#, &["/a", "/b"]);
        at(r#"{"a":null,"c/d~":1}"#, &["/a", "/c~1d~0"]);
        at("[]", &[""]);
        at("null", &[""]);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in ["", "{", "nope", "{\"a\":NaN}", "{\"a\":01}", "\u{1}", "{\"a\":\"\\ud800\"}"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn depth_is_bounded_and_strings_do_not_count() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(64).as_bytes()).is_ok());
        assert!(parse(nested(65).as_bytes()).is_err());
        assert!(parse("[".repeat(30_000).as_bytes()).is_err());
        let quoted = format!(r#"["{}\"{}"]"#, "[".repeat(100), "{".repeat(100));
        assert!(parse(quoted.as_bytes()).is_ok());
    }
}
