//! Where traces are sent, and of how many calls. The names are OpenTelemetry's own, so that what
//! sets them for other programs sets them for this one.

use std::ffi::OsString;
use std::fmt;

use percent_encoding::percent_decode_str;

use super::error::{SettingError, text};
use super::url;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE: &str = "OTEL_SERVICE_NAME";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
/// What stands behind [`ENDPOINT`] (OTLP specification, OTLP/HTTP request).
const PATH: &str = "/v1/traces";
const EXAMPLE: &str = "http://127.0.0.1:4318";
/// The default of an address, spelled out.
const NONE: &str = "none";
/// The one protocol that is spoken.
const HTTP: &str = "http/protobuf";
const DEFAULT_SERVICE: &str = "dropgate";

/// Flags and variables of the traces.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceArgs {
    /// Address of an OpenTelemetry collector that takes OTLP over HTTP, like http://127.0.0.1:4318;
    /// nothing is traced without one [default: none]
    #[arg(long, env = ENDPOINT, value_name = "URL")]
    otlp_endpoint: Option<OsString>,
    /// The whole address for traces, in the place of the collector's with /v1/traces behind it
    /// [default: none]
    #[arg(long, env = TRACES_ENDPOINT, value_name = "URL")]
    otlp_traces_endpoint: Option<OsString>,
    /// What is spoken there; only this [default: http/protobuf]
    #[arg(long, env = PROTOCOL, value_name = "PROTOCOL")]
    otlp_protocol: Option<OsString>,
    /// Headers for the collector, like `authorization=Bearer%20token,x-tenant=shop`: values are
    /// percent-encoded
    #[arg(long, env = HEADERS, hide_env_values = true, value_name = "HEADERS")]
    otlp_headers: Option<OsString>,
    /// What this service is called in traces [default: dropgate]
    #[arg(long, env = SERVICE, value_name = "NAME")]
    otel_service_name: Option<OsString>,
    /// Which calls are traced: always_on, always_off, traceidratio, or these behind `parentbased_`,
    /// which do as the caller's `traceparent` says where there is one
    /// [default: parentbased_always_on]
    #[arg(long, env = SAMPLER, value_name = "SAMPLER")]
    traces_sampler: Option<OsString>,
    /// The share of calls that the ratio samplers trace, from 0 to 1 [default: 1]
    #[arg(long, env = SAMPLER_ARG, value_name = "SHARE")]
    traces_sampler_arg: Option<OsString>,
}

/// Which calls are traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceSampling {
    /// Whether a caller's own decision counts where there is one.
    pub parent_based: bool,
    /// Of the others, the share that is traced: 0 none, 1 all.
    pub share: f64,
}

/// Where traces are sent, and of how many calls.
#[derive(Clone, PartialEq)]
pub struct TraceSettings {
    /// Default none: nothing is traced. The whole address, path included.
    pub endpoint: Option<String>,
    /// Default none. They may hold a secret, so they are not shown.
    pub headers: Vec<(String, String)>,
    /// Default `dropgate`.
    pub service: String,
    /// Default all calls that no caller decides about. Too many: spans that the queue has no room
    /// for are dropped, and each traced call costs some microseconds. Too few: the call that
    /// somebody asks about isn't there.
    pub sampling: TraceSampling,
}

impl Default for TraceSettings {
    fn default() -> TraceSettings {
        TraceSettings {
            endpoint: None,
            headers: Vec::new(),
            service: DEFAULT_SERVICE.to_owned(),
            sampling: TraceSampling { parent_based: true, share: 1.0 },
        }
    }
}

impl TraceArgs {
    /// # Errors
    /// [`SettingError`] for a setting that is wrong.
    pub fn resolve(self) -> Result<TraceSettings, SettingError> {
        let whole = address(TRACES_ENDPOINT, self.otlp_traces_endpoint)?;
        let base = address(ENDPOINT, self.otlp_endpoint)?;
        let below = base.map(|base| format!("{}{PATH}", base.trim_end_matches('/')));
        let service = text(SERVICE, self.otel_service_name)?;
        let endpoint = whole.or(below);
        // Clusters give it to everything that runs there: it matters to who sends traces.
        if endpoint.is_some() {
            protocol(self.otlp_protocol)?;
        }
        Ok(TraceSettings {
            endpoint,
            headers: headers(self.otlp_headers)?,
            service: service.unwrap_or_else(|| DEFAULT_SERVICE.to_owned()),
            sampling: sampling(self.traces_sampler, self.traces_sampler_arg)?,
        })
    }
}

fn protocol(given: Option<OsString>) -> Result<(), SettingError> {
    match text(PROTOCOL, given)?.as_deref() {
        None | Some(HTTP) => Ok(()),
        Some(other) => {
            let remedy = "leave it out, or give http/protobuf and the collector's port for HTTP, \
                          which is 4318 by default";
            Err(SettingError::wrong(PROTOCOL, format!("is {other:?}"), remedy))
        }
    }
}

fn address(name: &'static str, given: Option<OsString>) -> Result<Option<String>, SettingError> {
    let Some(url) = text(name, given)?.filter(|text| text != NONE) else { return Ok(None) };
    url::check(name, &url, &["http", "https"], EXAMPLE)?;
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') || url.contains(['?', '#']) {
        let remedy = format!("give an address like {EXAMPLE}; what is secret belongs to {HEADERS}");
        return Err(SettingError::wrong(name, "has a user, a query or a fragment", remedy));
    }
    Ok(Some(url))
}

/// Names and values as the specification writes them (W3C Baggage, without properties). The value
/// itself is not repeated: it may be a secret.
fn headers(given: Option<OsString>) -> Result<Vec<(String, String)>, SettingError> {
    let Some(text) = text(HEADERS, given)? else { return Ok(Vec::new()) };
    let one = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?.into_owned();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
        let fine = !name.is_empty() && name.bytes().all(token);
        let fine = fine && value.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        fine.then_some((name, value))
    };
    let parts = text.split(',').filter(|part| !part.trim().is_empty()).map(one);
    parts.collect::<Option<_>>().ok_or_else(|| {
        let remedy = "give name=value, with commas between, and percent-encode the values";
        SettingError::wrong(HEADERS, "has a part that is no header", remedy)
    })
}

fn sampling(
    sampler: Option<OsString>,
    share: Option<OsString>,
) -> Result<TraceSampling, SettingError> {
    let given = text(SAMPLER, sampler)?.unwrap_or_else(|| "parentbased_always_on".to_owned());
    let share = match text(SAMPLER_ARG, share)? {
        None => 1.0,
        Some(text) => {
            let share: Option<f64> = text.trim().parse().ok();
            share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
                let remedy = "give a share from 0 to 1, like 0.01, or leave it out for 1";
                SettingError::wrong(SAMPLER_ARG, format!("is {text:?}"), remedy)
            })?
        }
    };
    let (parent_based, rest) = match given.strip_prefix("parentbased_") {
        Some(rest) => (true, rest),
        None => (false, given.as_str()),
    };
    let share = match rest {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => share,
        _ => {
            let remedy = "give always_on, always_off or traceidratio, or one of them behind \
                          `parentbased_`";
            return Err(SettingError::wrong(SAMPLER, format!("is {given:?}"), remedy));
        }
    };
    Ok(TraceSampling { parent_based, share })
}

impl fmt::Debug for TraceArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceArgs").finish_non_exhaustive()
    }
}

impl fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceSettings")
            .field("endpoint", &self.endpoint)
            .field("service", &self.service)
            .field("sampling", &self.sampling)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Option<OsString> {
        Some(text.into())
    }

    #[test]
    fn nothing_is_traced_unless_a_collector_is_named() {
        assert_eq!(TraceArgs::default().resolve(), Ok(TraceSettings::default()));
        let of = |base: &str, whole: &str| {
            let (otlp_endpoint, otlp_traces_endpoint) = (given(base), given(whole));
            let args = TraceArgs { otlp_endpoint, otlp_traces_endpoint, ..TraceArgs::default() };
            args.resolve().map(|settings| settings.endpoint)
        };
        assert_eq!((of("", ""), of("none", "none")), (Ok(None), Ok(None)));
        for base in ["http://c:4318", "http://c:4318/"] {
            assert_eq!(of(base, ""), Ok(Some("http://c:4318/v1/traces".to_owned())));
        }
        assert_eq!(of("http://c", "https://t/x"), Ok(Some("https://t/x".to_owned())));
        for bad in ["c:4318", "grpc://c", "http://u:p@c", "http://c/?a", "http://"] {
            let line = of(bad, "").expect_err(bad).to_string();
            assert!(line.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT "), "{line}");
            assert!(!line.contains("u:p"), "{line}");
        }
    }

    #[test]
    fn another_protocol_is_refused_with_the_port() {
        let of = |text| {
            let otlp_endpoint = given("http://c:4318");
            TraceArgs { otlp_protocol: given(text), otlp_endpoint, ..TraceArgs::default() }
                .resolve()
        };
        assert!(of("http/protobuf").is_ok());
        // Who sends no traces has nothing to send them by.
        assert!(
            TraceArgs { otlp_protocol: given("grpc"), ..TraceArgs::default() }.resolve().is_ok()
        );
        for bad in ["grpc", "http/json"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("OTEL_EXPORTER_OTLP_PROTOCOL is ") && line.contains("4318"));
        }
    }

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let of = |text| {
            let args = TraceArgs { otlp_headers: given(text), ..TraceArgs::default() };
            args.resolve()
        };
        let settings = of("Authorization=Bearer%20s3cret, x-a=1=2,").expect("fine");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings.headers, [pair("authorization", "Bearer s3cret"), pair("x-a", "1=2")]);
        assert!(!format!("{settings:?}").contains("s3cret"));
        for bad in ["s3cret", "=s3cret", "a b=s3cret", "a=s3cret%0a", "a=s3cret%ff"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("OTEL_EXPORTER_OTLP_HEADERS "), "{line}");
            assert!(!line.contains("s3cret"), "{line}");
        }
    }

    #[test]
    fn samplers_are_those_of_the_specification() {
        let of = |sampler: &str, share: &str| {
            let (traces_sampler, traces_sampler_arg) = (given(sampler), given(share));
            let args = TraceArgs { traces_sampler, traces_sampler_arg, ..TraceArgs::default() };
            let TraceSampling { parent_based, share } = args.resolve()?.sampling;
            Ok::<_, SettingError>((parent_based, share))
        };
        for (sampler, share, expected) in [
            ("", "", (true, 1.0)),
            ("always_on", "0.5", (false, 1.0)),
            ("always_off", "", (false, 0.0)),
            ("traceidratio", "0.25", (false, 0.25)),
            ("parentbased_always_off", "", (true, 0.0)),
            ("parentbased_traceidratio", "0.01", (true, 0.01)),
        ] {
            assert_eq!(of(sampler, share), Ok(expected), "{sampler} {share}");
        }
        for (sampler, share, name) in [
            ("some", "", "OTEL_TRACES_SAMPLER is "),
            ("parentbased_", "", "OTEL_TRACES_SAMPLER is "),
            ("traceidratio", "2", "OTEL_TRACES_SAMPLER_ARG is "),
            ("", "NaN", "OTEL_TRACES_SAMPLER_ARG is "),
        ] {
            let line = of(sampler, share).expect_err(name).to_string();
            assert!(line.starts_with(name), "{line}");
        }
    }
}
