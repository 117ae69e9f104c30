//! The command line.

use std::{
    ffi::{OsStr, OsString},
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use authgate_dev_server::{DevServer, DevServerBuilder};

/// The port, unless the options or another program have it.
pub(crate) const DEFAULT_PORT: u16 = 8080;
/// Any free port, for a server with a command, which finds it in its environment.
pub(crate) const ANY_PORT: u16 = 0;

/// The arguments of the program.
#[derive(Debug)]
pub(crate) enum Request {
    Help,
    Serve(Options),
    Run(Options, CommandLine),
}

/// The command to run.
#[derive(Debug)]
pub(crate) struct CommandLine {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switch is independent of the others"
)]
pub(crate) struct Options {
    host: IpAddr,
    port: Option<u16>,
    access_token_lifetime: Option<Duration>,
    interval: Option<Duration>,
    rotate_refresh_tokens: bool,
    rate_limits: bool,
    user_not_found: bool,
    error_pages: bool,
    /// The file for the authority's certificate. If it is set, the server speaks https.
    pub(crate) authority_file: Option<PathBuf>,
}

/// The command line is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongUsage {
    #[error("unknown option {0}")]
    Unknown(String),
    #[error("{0} needs a value")]
    ValueMissing(String),
    #[error("{0} takes no value")]
    ValueUnexpected(String),
    #[cfg(not(feature = "tls"))]
    #[error(
        "this build cannot serve https: cargo run -p authgate-dev-server --features tls -- --tls CA_FILE"
    )]
    BuiltWithoutTls,
    #[error("{value:?} is not a value for {option}: {expected}")]
    BadValue {
        option: String,
        value: OsString,
        expected: &'static str,
    },
}

impl Options {
    pub(crate) fn builder(&self, default_port: u16) -> DevServerBuilder {
        let builder = DevServer::builder()
            .host(self.host)
            .port(self.port.unwrap_or(default_port));
        #[cfg(feature = "tls")]
        let builder = if self.authority_file.is_some() {
            builder.https()
        } else {
            builder
        };
        builder.settings(|settings| {
            if let Some(lifetime) = self.access_token_lifetime {
                settings.access_token_lifetime = lifetime;
            }
            if let Some(interval) = self.interval {
                settings.device_code_interval = interval;
            }
            settings.rotate_refresh_tokens = self.rotate_refresh_tokens;
            settings.rate_limits = self.rate_limits;
            settings.user_not_found_for_machines = self.user_not_found;
            settings.authorization_error_pages = self.error_pages;
        })
    }
}

/// Parses the options up to the command, which begins with the first word that is not an option.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, WrongUsage> {
    let mut options = Options {
        host: Ipv4Addr::LOCALHOST.into(),
        port: None,
        access_token_lifetime: None,
        interval: None,
        rotate_refresh_tokens: false,
        rate_limits: false,
        user_not_found: false,
        error_pages: false,
        authority_file: None,
    };
    let mut arguments = arguments.into_iter();
    let mut program = None;
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        if !argument.as_encoded_bytes().starts_with(b"-") {
            program = Some(argument);
            break;
        }
        let mut option = SplitOption::new(&argument);
        match option.name.as_str() {
            "-h" | "--help" => return Ok(Request::Help),
            "--host" => options.host = option.host(&mut arguments)?,
            "--port" => options.port = Some(option.port(&mut arguments)?),
            "--access-token-lifetime" => {
                options.access_token_lifetime = Some(option.seconds(&mut arguments)?);
            }
            "--interval" => options.interval = Some(option.seconds(&mut arguments)?),
            "--rotate-refresh-tokens" => options.rotate_refresh_tokens = true,
            "--rate-limits" => options.rate_limits = true,
            "--user-not-found" => options.user_not_found = true,
            "--error-pages" => options.error_pages = true,
            #[cfg(feature = "tls")]
            "--tls" => options.authority_file = Some(option.file(&mut arguments)?),
            #[cfg(not(feature = "tls"))]
            "--tls" => return Err(WrongUsage::BuiltWithoutTls),
            _ => return Err(WrongUsage::Unknown(option.name)),
        }
        if option.value.is_some() {
            return Err(WrongUsage::ValueUnexpected(option.name));
        }
    }
    Ok(match program.or_else(|| arguments.next()) {
        Some(program) => Request::Run(
            options,
            CommandLine {
                program,
                arguments: arguments.collect(),
            },
        ),
        None => Request::Serve(options),
    })
}

/// `--name` or `--name=value`.
struct SplitOption {
    name: String,
    value: Option<OsString>,
}

impl SplitOption {
    fn new(argument: &OsStr) -> Self {
        let text = argument.to_string_lossy();
        match text.split_once('=') {
            Some((name, value)) => Self {
                name: name.to_owned(),
                value: Some(value.into()),
            },
            None => Self {
                name: text.into_owned(),
                value: None,
            },
        }
    }

    fn port(&mut self, rest: &mut impl Iterator<Item = OsString>) -> Result<u16, WrongUsage> {
        self.parsed(rest, "a number from 0 to 65535", |value| value.parse().ok())
    }

    fn seconds(
        &mut self,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<Duration, WrongUsage> {
        self.parsed(rest, "a whole number of seconds", |value| {
            value.parse().ok().map(Duration::from_secs)
        })
    }

    fn host(&mut self, rest: &mut impl Iterator<Item = OsString>) -> Result<IpAddr, WrongUsage> {
        let expected = "a loopback address, such as 127.0.0.1 or ::1; \
                        the credentials of this server are public, so it does not listen elsewhere";
        self.parsed(rest, expected, |value| {
            let host = if value == "localhost" {
                Ipv4Addr::LOCALHOST.into()
            } else {
                value.parse::<IpAddr>().ok()?
            };
            host.is_loopback().then_some(host)
        })
    }

    #[cfg(feature = "tls")]
    fn file(&mut self, rest: &mut impl Iterator<Item = OsString>) -> Result<PathBuf, WrongUsage> {
        self.parsed(rest, "a path for the authority's certificate", |value| {
            std::path::absolute(value).ok()
        })
    }

    fn parsed<T>(
        &mut self,
        rest: &mut impl Iterator<Item = OsString>,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, WrongUsage> {
        let value = self.value.take().or_else(|| rest.next());
        let value = value.ok_or_else(|| WrongUsage::ValueMissing(self.name.clone()))?;
        value
            .to_str()
            .and_then(parse)
            .ok_or_else(|| WrongUsage::BadValue {
                option: self.name.clone(),
                value: value.clone(),
                expected,
            })
    }
}
