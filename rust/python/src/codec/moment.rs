//! Dates and times as text: what `Date.prototype.toJSON` writes, from Python's `datetime` types.
//!
//! Aware datetimes go out in UTC with milliseconds and `Z`; naive ones in the same form without a zone, since only the
//! application knows what they mean. Microseconds are cut off: a JavaScript Date has none.

use std::fmt::Write;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyTime, PyTimeAccess, PyTzInfoAccess,
};

const DAY: i64 = 86_400;

/// `2026-11-23T17:05:06.789Z`, or without the `Z` for a naive one.
pub(super) fn datetime_text(moment: &Bound<'_, PyDateTime>) -> PyResult<String> {
    let mut days = days_from_civil(
        moment.get_year().into(),
        moment.get_month().into(),
        moment.get_day().into(),
    );
    let mut seconds = i64::from(moment.get_hour()) * 3600
        + i64::from(moment.get_minute()) * 60
        + i64::from(moment.get_second());
    let mut micros = i64::from(moment.get_microsecond());
    let offset = if moment.get_tzinfo().is_some() {
        utc_offset(moment)?
    } else {
        None
    };
    if let Some(offset) = offset {
        micros -= offset.micros;
        seconds += micros.div_euclid(1_000_000) - offset.seconds;
        micros = micros.rem_euclid(1_000_000);
        days += seconds.div_euclid(DAY);
        seconds = seconds.rem_euclid(DAY);
    }
    let (year, month, day) = civil_from_days(days);
    let mut text = date_text(year, month, day);
    text.push('T');
    push_clock(&mut text, seconds, micros);
    if offset.is_some() {
        text.push('Z');
    }
    Ok(text)
}

/// `2026-11-23`.
pub(super) fn day_text(date: &Bound<'_, PyDate>) -> String {
    date_text(
        date.get_year().into(),
        date.get_month().into(),
        date.get_day().into(),
    )
}

/// `17:05:06.789`; an aware time keeps its offset behind it, since without a date it cannot be moved to UTC.
pub(super) fn time_text(time: &Bound<'_, PyTime>) -> PyResult<String> {
    let seconds = i64::from(time.get_hour()) * 3600
        + i64::from(time.get_minute()) * 60
        + i64::from(time.get_second());
    let mut text = String::new();
    push_clock(&mut text, seconds, time.get_microsecond().into());
    if time.get_tzinfo().is_some() {
        match utc_offset(time)?.map(|offset| offset.seconds) {
            None => {}
            Some(0) => text.push('Z'),
            Some(offset) => {
                let (sign, size) = if offset < 0 {
                    ('-', -offset)
                } else {
                    ('+', offset)
                };
                push(
                    &mut text,
                    format_args!("{sign}{:02}:{:02}", size / 3600, size / 60 % 60),
                );
            }
        }
    }
    Ok(text)
}

#[derive(Clone, Copy)]
struct Offset {
    seconds: i64,
    micros: i64,
}

/// What the zone says for this very moment; `None` when it says nothing, which makes the moment a naive one.
fn utc_offset(moment: &Bound<'_, PyAny>) -> PyResult<Option<Offset>> {
    let offset = moment.call_method0(intern!(moment.py(), "utcoffset"))?;
    if offset.is_none() {
        return Ok(None);
    }
    let delta = offset.cast::<PyDelta>()?;
    Ok(Some(Offset {
        seconds: i64::from(delta.get_days()) * DAY + i64::from(delta.get_seconds()),
        micros: delta.get_microseconds().into(),
    }))
}

/// A date; beyond the four-digit years, which a zone can lead to, with ECMAScript's sign and six digits.
fn date_text(year: i64, month: i64, day: i64) -> String {
    let mut text = String::with_capacity(28);
    if (0..10_000).contains(&year) {
        push(&mut text, format_args!("{year:04}"));
    } else {
        push(
            &mut text,
            format_args!("{}{:06}", if year < 0 { '-' } else { '+' }, year.abs()),
        );
    }
    push(&mut text, format_args!("-{month:02}-{day:02}"));
    text
}

fn push_clock(text: &mut String, seconds: i64, micros: i64) {
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    push(
        text,
        format_args!("{hour:02}:{minute:02}:{second:02}.{:03}", micros / 1000),
    );
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String never fails.
    let _ = text.write_fmt(arguments);
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Years start in March here, so that the leap day is last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719468 days lie between 0000-03-01 and 1970-01-01; 153 days make the five months from March or August on.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    // 400 years have 146097 days; the first guess of the year is right or one too high.
    let mut year = (days * 400).div_euclid(146_097) + 1;
    let start =
        |year: i64| year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    while start(year) > days {
        year -= 1;
    }
    let of_year = days - start(year);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_goes_there_and_back() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 2, 29), 11_016);
        assert_eq!(civil_from_days(-719_468), (0, 3, 1));
        let mut last = civil_from_days(-720_000);
        for days in -719_999..2_940_000 {
            let civil = civil_from_days(days);
            assert_eq!(days_from_civil(civil.0, civil.1, civil.2), days);
            assert!(civil > last, "{civil:?} follows {last:?}");
            last = civil;
        }
    }

    #[test]
    fn far_years_are_signed() {
        assert_eq!(date_text(33, 4, 3), "0033-04-03");
        assert_eq!(date_text(10_000, 1, 1), "+010000-01-01");
        assert_eq!(date_text(-1, 12, 31), "-000001-12-31");
    }
}
