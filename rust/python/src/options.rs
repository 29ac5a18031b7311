//! From the settings object of Python to the hub's configuration.

use std::time::Duration;

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBool, PyString},
};
use sio_hub::config::{Config, Overflow};
use sio_protocol::engineio::{
    proxies::Networks,
    request::{CorsOrigins, CorsPolicy, RequestPolicy, Transports, normalise_path},
    session::Timing,
};

use crate::{codec::EncodeOptions, errors};

/// The attributes that are read; the test-suite compares them with `sio_fast.settings.Settings`.
pub const FIELDS: [&str; 26] = [
    "path",
    "transports",
    "allow_upgrades",
    "allow_request",
    "cookie",
    "ping_interval",
    "ping_timeout",
    "upgrade_timeout",
    "connect_timeout",
    "max_connections",
    "max_http_buffer_size",
    "max_attachments",
    "max_depth",
    "cors_allowed_origins",
    "cors_allowed_methods",
    "cors_allowed_headers",
    "cors_exposed_headers",
    "cors_credentials",
    "cors_max_age",
    "trusted_proxies",
    "default",
    "max_queued_events",
    "max_queued_bytes",
    "high_water_mark",
    "max_buffered_bytes",
    "on_overflow",
];

/// Reads and checks every option.
pub fn read(settings: &Bound<'_, PyAny>) -> PyResult<(Config, EncodeOptions)> {
    let reader = Reader(settings);
    let config = Config {
        request: RequestPolicy {
            path: normalise_path(&reader.get::<String>("path", "a str such as \"/socket.io\"")?),
            transports: reader.transports()?,
            cors: CorsPolicy {
                origins: reader.origins()?,
                methods: reader.words("cors_allowed_methods")?,
                allowed_headers: reader
                    .get("cors_allowed_headers", "a sequence of str, or None")?,
                exposed_headers: reader.words("cors_exposed_headers")?,
                credentials: reader.get("cors_credentials", "a bool")?,
                max_age: reader.get(
                    "cors_max_age",
                    "a number of seconds (int, 0 or more), or None",
                )?,
            },
            trusted_proxies: reader.networks()?,
        },
        allow_upgrades: reader.get("allow_upgrades", "a bool")?,
        ask_about_handshakes: reader.callable("allow_request", "a request")?.is_some(),
        cookie: reader.get("cookie", "the name and the attributes of a cookie, or None")?,
        timing: Timing {
            ping_interval: reader.seconds("ping_interval")?,
            ping_timeout: reader.seconds("ping_timeout")?,
            upgrade_timeout: reader.seconds("upgrade_timeout")?,
        },
        connect_timeout: reader.seconds("connect_timeout")?,
        max_connections: reader.count("max_connections")?,
        max_http_buffer_size: reader.size("max_http_buffer_size")?,
        max_attachments: reader.size("max_attachments")?,
        max_queued_events: reader.size("max_queued_events")?,
        max_queued_bytes: reader.size("max_queued_bytes")?,
        high_water_mark: reader.size("high_water_mark")?,
        max_buffered_bytes: reader.size("max_buffered_bytes")?,
        on_overflow: reader.overflow()?,
    };
    config.check().map_err(|error| errors::config(&error))?;
    let encode = EncodeOptions {
        default: reader.callable("default", "one value")?,
        max_depth: reader.depth()?,
    };
    Ok((config, encode))
}

struct Reader<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'py> Reader<'_, 'py> {
    fn raw(&self, name: &'static str) -> PyResult<Bound<'py, PyAny>> {
        self.0.getattr(name)
    }

    fn get<T>(&self, name: &'static str, wanted: &str) -> PyResult<T>
    where
        T: for<'a> FromPyObject<'a, 'py>,
    {
        let value = self.raw(name)?;
        value
            .extract()
            .map_err(|_| wrong_type(name, &value, wanted))
    }

    fn seconds(&self, name: &'static str) -> PyResult<Duration> {
        let value = self.raw(name)?;
        let wanted = "a number of seconds";
        if value.is_instance_of::<PyBool>() {
            return Err(wrong_type(name, &value, wanted));
        }
        let seconds: f64 = value
            .extract()
            .map_err(|_| wrong_type(name, &value, wanted))?;
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| PyValueError::new_err(format!("{name}={seconds}: seconds, more than 0")))
    }

    fn size(&self, name: &'static str) -> PyResult<usize> {
        let value = self.raw(name)?;
        if value.is_instance_of::<PyBool>() {
            return Err(wrong_type(name, &value, "an int"));
        }
        match value.extract::<i128>() {
            Ok(number) => usize::try_from(number)
                .map_err(|_| PyValueError::new_err(format!("{name}={number}: an int, 0 or more"))),
            Err(_) => Err(wrong_type(name, &value, "an int")),
        }
    }

    fn count(&self, name: &'static str) -> PyResult<Option<usize>> {
        if self.raw(name)?.is_none() {
            return Ok(None);
        }
        self.size(name).map(Some)
    }

    fn depth(&self) -> PyResult<usize> {
        let depth = self.size("max_depth")?;
        if (1..=crate::codec::DEPTH_CEILING).contains(&depth) {
            return Ok(depth);
        }
        let ceiling = crate::codec::DEPTH_CEILING;
        Err(PyValueError::new_err(format!(
            "max_depth={depth}: 1 to {ceiling}; the decoder recurses once per level"
        )))
    }

    fn words(&self, name: &'static str) -> PyResult<Vec<String>> {
        self.get(name, "a sequence of str")
    }

    fn transports(&self) -> PyResult<Transports> {
        let mut transports = Transports {
            polling: false,
            websocket: false,
        };
        for name in self.words("transports")? {
            match name.as_str() {
                "polling" => transports.polling = true,
                "websocket" => transports.websocket = true,
                other => {
                    return Err(PyValueError::new_err(format!(
                        "transports names {other:?}: \"polling\" and \"websocket\" are known"
                    )));
                }
            }
        }
        Ok(transports)
    }

    fn overflow(&self) -> PyResult<Overflow> {
        let name: String = self.get("on_overflow", "\"disconnect\" or \"drop_oldest\"")?;
        match name.as_str() {
            "disconnect" => Ok(Overflow::Disconnect),
            "drop_oldest" => Ok(Overflow::DropOldest),
            other => Err(PyValueError::new_err(format!(
                "on_overflow is {other:?}; it must be \"disconnect\" or \"drop_oldest\""
            ))),
        }
    }

    fn origins(&self) -> PyResult<CorsOrigins> {
        let value = self.raw("cors_allowed_origins")?;
        if value.is_callable() {
            return Ok(CorsOrigins::Ask);
        }
        if value.is_none() {
            return Ok(CorsOrigins::SameOrigin);
        }
        if let Ok(switch) = value.cast::<PyBool>() {
            if !switch.is_true() {
                return Ok(CorsOrigins::Off);
            }
        } else if let Ok(text) = value.cast::<PyString>() {
            let text = text.to_str()?;
            return Ok(if text == "*" {
                CorsOrigins::Any
            } else {
                CorsOrigins::List(vec![text.to_owned()])
            });
        } else if let Ok(list) = value.extract::<Vec<String>>() {
            return Ok(if list.iter().any(|one| one == "*") {
                CorsOrigins::Any
            } else {
                CorsOrigins::List(list)
            });
        }
        Err(wrong_type(
            "cors_allowed_origins",
            &value,
            "None (same origin), False (no check), \"*\", an origin, a sequence of origins or a function of one",
        ))
    }

    fn networks(&self) -> PyResult<Networks> {
        let name = "trusted_proxies";
        let wanted = "pairs of an address and the number of its leading bits";
        let mut networks = Vec::new();
        for (address, bits) in self.get::<Vec<(String, u8)>>(name, wanted)? {
            let Ok(address) = address.parse() else {
                return Err(wrong_type(name, &self.raw(name)?, wanted));
            };
            networks.push((address, bits));
        }
        Ok(Networks::new(networks))
    }

    fn callable(&self, name: &'static str, of: &str) -> PyResult<Option<Py<PyAny>>> {
        let value = self.raw(name)?;
        if value.is_none() {
            return Ok(None);
        }
        if value.is_callable() {
            return Ok(Some(value.unbind()));
        }
        Err(wrong_type(
            name,
            &value,
            &format!("a function of {of}, or None"),
        ))
    }
}

fn wrong_type(name: &str, value: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    let kind = value
        .get_type()
        .name()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let shown: String = value.repr().map_or_else(
        |_| kind.clone(),
        |text| text.to_string_lossy().chars().take(60).collect(),
    );
    PyTypeError::new_err(format!("{name}={shown} ({kind}): {wanted}"))
}
