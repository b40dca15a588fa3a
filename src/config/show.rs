//! `dropgate config`: what is in force, and where each value came from.

use clap::{Arg, Args};
use serde_json::{Value, json};

use super::sources::Source;
use super::{Serve, ServeSettings, SettingError};

/// What stands in the place of what must not be seen.
const HIDDEN: &str = "(hidden)";
/// Parameters of an address that hold no secret.
const SHOWN: &[&str] = &[
    "application_name",
    "connect_timeout",
    "db",
    "dbname",
    "host",
    "port",
    "sslmode",
    "target_session_attrs",
    "user",
];

/// What `config` takes: what `serve` takes, and how it is shown.
#[derive(Debug, Args)]
pub struct Config {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    serve: Serve,
    #[arg(skip)]
    settings: Vec<Setting>,
}

/// One setting as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    name: String,
    value: String,
    source: Source,
}

impl Setting {
    /// `given` is the value as it was given, if it was.
    pub(super) fn new(name: &str, source: Source, given: Option<String>, of: &Arg) -> Setting {
        let value = match given {
            None => default_of(of).unwrap_or_default(),
            Some(_) if !of.is_hide_env_values_set() => given.unwrap_or_default(),
            Some(url) if name.ends_with("_URL") => without_secrets(&url),
            Some(_) => HIDDEN.to_owned(),
        };
        Setting { name: name.to_owned(), value, source }
    }
}

/// The default that the help of a setting tells.
fn default_of(argument: &Arg) -> Option<String> {
    let help = argument.get_long_help().or_else(|| argument.get_help())?.to_string();
    let (_, rest) = help.rsplit_once("[default: ")?;
    rest.split_once(']').map(|(default, _)| default.to_owned())
}

/// An address without passwords: not in front of the host, and not among the parameters.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let (user, rest) = match rest.rsplit_once('@') {
        None => (String::new(), rest),
        Some((user, rest)) => match user.split_once(':') {
            None => (format!("{user}@"), rest),
            Some((user, _)) => (format!("{user}:{HIDDEN}@"), rest),
        },
    };
    let Some((address, parameters)) = rest.split_once('?') else {
        return format!("{scheme}://{user}{rest}");
    };
    let parameters: Vec<String> = parameters
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if !SHOWN.contains(&name) => format!("{name}={HIDDEN}"),
            Some(_) | None => parameter.to_owned(),
        })
        .collect();
    format!("{scheme}://{user}{address}?{}", parameters.join("&"))
}

impl Config {
    /// Checks the settings as `serve` does; what is to be printed of them.
    ///
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<String, SettingError> {
        let Config { json, serve, settings } = self;
        let _: ServeSettings = serve.resolve()?;
        Ok(if json { as_json(&settings) } else { as_text(&settings) })
    }

    pub(super) fn note(&mut self, settings: Vec<Setting>) {
        self.settings = settings;
    }
}

fn as_text(settings: &[Setting]) -> String {
    let width = |of: fn(&Setting) -> &str| {
        settings.iter().map(|setting| of(setting).chars().count()).max().unwrap_or(0)
    };
    let (names, values) = (width(|setting| &setting.name), width(|setting| &setting.value));
    let line = |Setting { name, value, source }: &Setting| {
        format!("{name:<names$}  {value:<values$}  {source}\n")
    };
    settings.iter().map(line).collect()
}

fn as_json(settings: &[Setting]) -> String {
    let object = |Setting { name, value, source }: &Setting| -> Value {
        match source {
            Source::File(path) => {
                json!({ "name": name, "value": value, "source": "file", "file": path })
            }
            Source::Flag | Source::Environment | Source::Default => {
                json!({ "name": name, "value": value, "source": source.to_string() })
            }
        }
    };
    let settings: Vec<Value> = settings.iter().map(object).collect();
    format!("{:#}\n", json!({ "settings": settings }))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::{Cli, Command};
    use super::*;

    #[test]
    fn addresses_are_shown_without_what_is_secret() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"),
            ("redis://:s3cret@h:1", "redis://:(hidden)@h:1"),
            ("redis://u:s3c@s3cret@h", "redis://u:(hidden)@h"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("postgres://u:1/s3cret@h/db", "postgres://u:(hidden)@h/db"),
            ("redis+unix:///r.sock?db=1&pass=s3cret", "redis+unix:///r.sock?db=1&pass=(hidden)"),
            (
                "postgres:///d?host=/run&p%61ssword=s3cret&user=u",
                "postgres:///d?host=/run&p%61ssword=(hidden)&user=u",
            ),
            ("s3cret", "(hidden)"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    /// The help is what `config` shows as default, so it must be what is in force.
    #[test]
    fn the_defaults_that_the_help_tells_are_the_defaults() {
        let keys = ["--admin-key", "0123456789abcdef-a", "--storefront-key", "0123456789abcdef-s"];
        let addresses = ["--redis-url", "redis://h", "--database-url", "postgres://h/d"];
        let resolve = |more: &[String]| {
            let given = ["dropgate", "serve"].iter().chain(&keys).chain(&addresses);
            let given = given.map(|text| (*text).to_owned()).chain(more.iter().cloned());
            let Command::Serve(serve) = Cli::parse_from(given).command else { unreachable!() };
            format!("{:?}", serve.resolve().expect("fine"))
        };
        let cli = Cli::command();
        let serve = cli.find_subcommand("serve").expect("the command");
        let mut given = Vec::new();
        for argument in serve.get_arguments().filter(|argument| argument.get_env().is_some()) {
            let name = argument.get_long().expect("a flag");
            match default_of(argument) {
                Some(default) => given.extend([format!("--{name}"), default]),
                None => assert!(argument.is_hide_env_values_set(), "{name} tells no default"),
            }
        }
        assert!(given.len() > 10, "{given:?}");
        assert_eq!(resolve(&given), resolve(&[]));
    }
}
