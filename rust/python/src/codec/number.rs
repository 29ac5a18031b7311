//! JSON numbers: text from integers and floats, and the grammar of received ones.
//!
//! It refuses to know Python objects. Floats go out as the shortest text that reads back as the same double and keep
//! their point (`1.0`), so a Python peer sees a float again; JavaScript reads both spellings as one number.

/// The longest integer we read or write, in digits: the interpreter's own default, its conversion being quadratic.
pub(super) const MAX_DIGITS: usize = 4300;

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Writes an integer.
#[inline]
pub(super) fn write_int(out: &mut Vec<u8>, value: i64) {
    match u8::try_from(value) {
        Ok(digit) if digit < 10 => out.push(b'0' + digit),
        _ => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// Writes a float; what JSON has no number for becomes `null`, as in `JSON.stringify`.
#[inline]
pub(super) fn write_float(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// A float as JavaScript names a property with it: `1`, `0.5`, `1e+21`, `NaN`.
pub(super) fn property_name(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "Infinity".into()
        } else {
            "-Infinity".into()
        };
    }
    let magnitude = value.abs();
    if value == 0.0 || (1e-6..1e21).contains(&magnitude) {
        // Rust's own text has no exponent and the fewest digits; it spells negative zero, JavaScript does not.
        return format!("{}", if value == 0.0 { 0.0 } else { value });
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// A number at the beginning of received text.
#[derive(Debug, PartialEq)]
pub(super) enum Number {
    /// An integer of up to 18 digits.
    Small(i64),
    /// An integer of more digits, for the interpreter to read.
    Big,
    /// A number with a point or an exponent.
    Float(f64),
}

/// Reads a number as RFC 8259 spells it; with it the number of bytes it took.
///
/// What overflows a double (`1e400`) is refused: JavaScript would read Infinity, which it could not send back.
#[inline]
pub(super) fn read(input: &[u8]) -> Result<(Number, usize), &'static str> {
    let negative = input.first() == Some(&b'-');
    let first = usize::from(negative);
    let mut at = first;
    // Wraps only beyond 18 digits, where nobody looks at it any more.
    let mut mantissa: u64 = 0;
    let mut digits = |at: &mut usize| {
        while let Some(digit) = input
            .get(*at)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
        {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit.into());
            *at += 1;
        }
    };
    digits(&mut at);
    let whole = at - first;
    if whole == 0 {
        return Err("expected a digit");
    }
    if whole > 1 && input[first] == b'0' {
        return Err("leading zero");
    }
    if !matches!(input.get(at), Some(b'.' | b'e' | b'E')) {
        return match whole {
            ..=18 => {
                let value = mantissa.cast_signed();
                Ok((Number::Small(if negative { -value } else { value }), at))
            }
            19..=MAX_DIGITS => Ok((Number::Big, at)),
            _ => Err("integer of more than 4300 digits"),
        };
    }
    let mut fraction = 0;
    if input[at] == b'.' {
        at += 1;
        let start = at;
        digits(&mut at);
        fraction = at - start;
        if fraction == 0 {
            return Err("expected a digit behind the point");
        }
    }
    let exponent = matches!(input.get(at), Some(b'e' | b'E'));
    if exponent {
        at += 1;
        if matches!(input.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let start = at;
        while input.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at == start {
            return Err("expected a digit in the exponent");
        }
    }
    if !exponent && whole + fraction <= 15 {
        // Up to 15 digits and a power of up to 15: both exact, so one division rounds once (Clinger's fast path).
        #[expect(clippy::cast_precision_loss, reason = "15 digits fit the 53 bits")]
        let value = mantissa as f64 / EXACT_POWERS[fraction];
        return Ok((Number::Float(if negative { -value } else { value }), at));
    }
    let value = std::str::from_utf8(&input[..at])
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    match value {
        Some(value) if value.is_finite() => Ok((Number::Float(value), at)),
        _ => Err("number beyond the range of a double"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        write_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_keep_their_point_and_read_back() {
        assert_eq!(float(1.0), "1.0");
        assert_eq!(float(-0.0), "-0.0");
        assert_eq!(float(0.1), "0.1");
        assert_eq!(float(f64::NAN), "null");
        assert_eq!(float(f64::NEG_INFINITY), "null");
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let text = float(value);
                let oracle: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(oracle.is_f64(), "{text}");
                assert_eq!(
                    read(text.as_bytes()),
                    Ok((Number::Float(value), text.len()))
                );
            }
        }
    }

    #[test]
    fn property_names_are_those_of_javascript() {
        for (value, name) in [
            (1.0, "1"),
            (-0.0, "0"),
            (0.5, "0.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1.25e-7, "1.25e-7"),
            (f64::INFINITY, "Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(property_name(value), name);
        }
    }

    #[test]
    fn the_grammar_is_strict() {
        assert_eq!(read(b"0,"), Ok((Number::Small(0), 1)));
        assert_eq!(
            read(b"-999999999999999999]"),
            Ok((Number::Small(-999_999_999_999_999_999), 19))
        );
        assert_eq!(read(b"1000000000000000000"), Ok((Number::Big, 19)));
        assert_eq!(read(b"1.50 "), Ok((Number::Float(1.5), 4)));
        assert_eq!(read(b"-1E+2"), Ok((Number::Float(-100.0), 5)));
        assert_eq!(read(b"0.1e1"), Ok((Number::Float(1.0), 5)));
        for bad in [
            "", "-", "01", "-01", "1.", "1.e3", "1e", "1e+", ".5", "+1", "1e400", "-1e999", "NaN",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read(&[b'1'; MAX_DIGITS]).is_ok());
        assert!(read(&[b'1'; MAX_DIGITS + 1]).is_err());
    }
}
