//! The head of a Socket.IO packet: type, attachments, namespace, ack id; its JSON stays raw.
//!
//! What a client may send is checked as far as it can be without parsing JSON: the shape of the body, and that an event
//! has a permitted name. Values are the codec's, joined namespaces the client's business.

use std::fmt;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    Connect = 0,
    Disconnect = 1,
    Event = 2,
    Ack = 3,
    /// Only servers send it.
    ConnectError = 4,
    BinaryEvent = 5,
    BinaryAck = 6,
}

impl PacketType {
    /// The type that this first byte stands for.
    pub const fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }

    /// The first byte of such a packet.
    pub const fn digit(self) -> u8 {
        b'0' + self as u8
    }

    /// Whether binary messages follow.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// The event names that mean something else on a socket; neither side may send them.
pub const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// A packet from a client, its JSON not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    pub kind: PacketType,
    /// `/` if the packet names none. A query in it is part of the name.
    pub namespace: &'a str,
    /// Of an ack: `None` answers nothing and is to be ignored.
    pub ack_id: Option<u64>,
    /// Binary messages that follow.
    pub attachments: usize,
    /// Raw JSON: an object or nothing for CONNECT, an array for an event, an array or nothing for an ack.
    pub body: &'a [u8],
}

/// Why text is no packet that a client may send. The connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketError {
    /// No type digit at all.
    Empty,
    /// The first byte is no type digit.
    UnknownType(u8),
    /// `CONNECT_ERROR` is the server's to send.
    ConnectErrorFromClient,
    /// A binary packet without a count and its `-`, or with a count of zero.
    IllegalAttachments,
    /// More than `max_attachments`.
    TooManyAttachments { limit: usize },
    /// The namespace is not UTF-8.
    Namespace,
    /// The ack id does not fit 64 bits.
    AckId,
    /// CONNECT with something else than an object.
    ConnectBody,
    /// DISCONNECT with a body.
    DisconnectBody,
    /// An event whose body is not an array that starts with a name or a number.
    EventBody,
    /// An event of this name cannot be sent.
    ReservedEvent(&'static str),
    /// An ack whose body is not an array.
    AckBody,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the Socket.IO packet is empty; it must start with a type digit (0 to 6)"),
            Self::UnknownType(byte) => write!(
                f,
                "a Socket.IO packet starts with \"{}\"; it must start with a type digit (0 to 6)",
                byte.escape_ascii()
            ),
            Self::ConnectErrorFromClient => f.write_str("a client sent CONNECT_ERROR, which only servers send"),
            Self::IllegalAttachments => {
                f.write_str("a binary packet must have a number of attachments, at least 1, and a \"-\" after its type")
            }
            Self::TooManyAttachments { limit } => write!(
                f,
                "a binary packet announces more than {limit} attachments (the option max_attachments)"
            ),
            Self::Namespace => f.write_str("the namespace of a packet is not UTF-8"),
            Self::AckId => f.write_str("the ack id of a packet is larger than 64 bits"),
            Self::ConnectBody => f.write_str("the payload of CONNECT must be a JSON object or absent"),
            Self::DisconnectBody => f.write_str("DISCONNECT has no payload"),
            Self::EventBody => {
                f.write_str("the payload of an event must be a JSON array that starts with a string or a number")
            }
            Self::ReservedEvent(name) => write!(f, "\"{name}\" is a reserved event name; a client cannot send it"),
            Self::AckBody => f.write_str("the payload of an ack must be a JSON array or absent"),
        }
    }
}

impl std::error::Error for PacketError {}

/// Reads the text that follows Engine.IO's message digit.
pub fn decode(text: &[u8], max_attachments: usize) -> Result<Head<'_>, PacketError> {
    let (&digit, rest) = text.split_first().ok_or(PacketError::Empty)?;
    let kind = PacketType::from_digit(digit).ok_or(PacketError::UnknownType(digit))?;
    let (attachments, rest) = if kind.is_binary() {
        attachments(rest, max_attachments)?
    } else {
        (0, rest)
    };
    let (namespace, rest) = namespace(rest)?;
    let (ack_id, body) = ack_id(rest)?;
    let body = body.trim_ascii_end();
    check_body(kind, body)?;
    Ok(Head {
        kind,
        namespace,
        ack_id,
        attachments,
        body,
    })
}

/// Appends everything before the JSON of a packet. `attachments` counts only for binary packets.
pub fn encode_head(
    kind: PacketType,
    attachments: usize,
    namespace: &str,
    ack_id: Option<u64>,
    out: &mut Vec<u8>,
) {
    let mut digits = itoa::Buffer::new();
    out.push(kind.digit());
    if kind.is_binary() {
        out.extend_from_slice(digits.format(attachments).as_bytes());
        out.push(b'-');
    }
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = ack_id {
        out.extend_from_slice(digits.format(id).as_bytes());
    }
}

/// The count and what follows its `-`.
fn attachments(text: &[u8], limit: usize) -> Result<(usize, &[u8]), PacketError> {
    let (digits, rest) = split_digits(text);
    let Some((b'-', rest)) = rest.split_first() else {
        return Err(PacketError::IllegalAttachments);
    };
    match parse_decimal(digits) {
        _ if digits.iter().all(|&digit| digit == b'0') => Err(PacketError::IllegalAttachments),
        Some(count) if count <= limit as u64 => Ok((count as usize, rest)),
        _ => Err(PacketError::TooManyAttachments { limit }),
    }
}

/// The name up to its comma, or to the end.
fn namespace(text: &[u8]) -> Result<(&str, &[u8]), PacketError> {
    if text.first() != Some(&b'/') {
        return Ok(("/", text));
    }
    let (name, rest) = match memchr::memchr(b',', text) {
        Some(comma) => (&text[..comma], &text[comma + 1..]),
        None => (text, &[][..]),
    };
    let name = simdutf8::basic::from_utf8(name).map_err(|_| PacketError::Namespace)?;
    Ok((name, rest))
}

fn ack_id(text: &[u8]) -> Result<(Option<u64>, &[u8]), PacketError> {
    let (digits, rest) = split_digits(text);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    let id = parse_decimal(digits).ok_or(PacketError::AckId)?;
    Ok((Some(id), rest))
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `None`: more than 64 bits.
fn parse_decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

fn check_body(kind: PacketType, body: &[u8]) -> Result<(), PacketError> {
    match kind {
        PacketType::Connect => match body {
            [] | [b'{', .., b'}'] => Ok(()),
            _ => Err(PacketError::ConnectBody),
        },
        PacketType::Disconnect if body.is_empty() => Ok(()),
        PacketType::Disconnect => Err(PacketError::DisconnectBody),
        PacketType::Event | PacketType::BinaryEvent => check_event(body),
        PacketType::Ack | PacketType::BinaryAck => match body {
            [] | [b'[', .., b']'] => Ok(()),
            _ => Err(PacketError::AckBody),
        },
        PacketType::ConnectError => Err(PacketError::ConnectErrorFromClient),
    }
}

fn check_event(body: &[u8]) -> Result<(), PacketError> {
    let [b'[', inner @ .., b']'] = body else {
        return Err(PacketError::EventBody);
    };
    match inner.trim_ascii_start() {
        [b'"', rest @ ..] => match reserved_name(rest) {
            Some(name) => Err(PacketError::ReservedEvent(name)),
            None => Ok(()),
        },
        [b'-' | b'0'..=b'9', ..] => Ok(()),
        _ => Err(PacketError::EventBody),
    }
}

/// The reserved name that a JSON string spells, read from behind its opening quote.
fn reserved_name(text: &[u8]) -> Option<&'static str> {
    // Longer than any of them even if each character is written as an escape of six bytes.
    const LONGEST: usize = 6 * 14 + 1;
    let window = &text[..text.len().min(LONGEST)];
    let end = memchr::memchr(b'"', window)?;
    let spelled = &window[..end];
    if memchr::memchr(b'\\', spelled).is_none() {
        return RESERVED_EVENTS
            .into_iter()
            .find(|name| name.as_bytes() == spelled);
    }
    let plain = unescape(spelled)?;
    RESERVED_EVENTS
        .into_iter()
        .find(|name| name.as_bytes() == plain)
}

/// A JSON string of which only escaped ASCII letters and `_` matter; `None` if it holds any other escape.
fn unescape(spelled: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(spelled.len());
    let mut rest = spelled;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            plain.push(byte);
            rest = after;
            continue;
        }
        let [b'u', b'0', b'0', high, low, after @ ..] = after else {
            return None;
        };
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        plain.push((high << 4 | low) as u8);
        rest = after;
    }
    Some(plain)
}
