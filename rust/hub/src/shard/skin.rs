//! What a shard and a transport skin say to each other. Nothing here decides or does anything.

use std::sync::Arc;

use bytes::Bytes;
use sio_protocol::engineio::reject::Headers;

#[cfg(doc)]
use super::Shard;
use super::{LinkKey, QuestionKey, SessionKey};
use crate::frame::Frame;

/// A complete HTTP answer; Content-Length is for the skin to add.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Bytes,
}

/// What a skin does with an HTTP request.
#[derive(Debug)]
pub enum Verdict {
    /// Not under our path: the fallback service answers it.
    NotOurs,
    /// Answer now. `close`: the TCP connection ends after the answer.
    Respond { response: Response, close: bool },
    /// The session is another shard's, the one of this number: the whole request is its owner's to answer.
    Elsewhere { shard: usize },
    /// The application decides: wait until the shard lists [`Resumed::Request`], then call [`Shard::handle_decided`] with the
    /// same head. If the client goes away before, call [`Shard::handle_request_aborted`].
    Ask { question: QuestionKey },
    /// A long poll: wait until the shard lists [`Dirty::Poll`], then send what [`Shard::take_poll`] gives. If the client
    /// goes away before, call [`Shard::handle_poll_aborted`].
    Poll { session: SessionKey },
    /// Read at most `limit` bytes of the body, then call [`Shard::handle_post`], [`Shard::handle_post_too_large`] or
    /// [`Shard::handle_post_aborted`].
    ReadBody { session: SessionKey, limit: usize },
    /// Answer 101 with `accept` as Sec-WebSocket-Accept and these headers, then call [`Shard::handle_link_open`]. If the
    /// 101 cannot be completed: [`Shard::handle_link_closed`].
    Accept {
        link: LinkKey,
        accept: String,
        headers: Headers,
    },
}

/// What a skin does after a POST.
#[derive(Debug)]
pub enum PostVerdict {
    Respond {
        response: Response,
        close: bool,
    },
    /// The session is paused: hold the answer back until the shard lists [`Resumed::Post`].
    Hold {
        response: Response,
    },
}

/// Something to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dirty {
    Link(LinkKey),
    Poll(SessionKey),
}

/// Something that may go on reading, or a request that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    Link(LinkKey),
    Post(SessionKey),
    Request(QuestionKey),
}

/// One complete WebSocket message of a client.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl Message<'_> {
    /// Bytes of its payload.
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a host that frames by itself is to send on a WebSocket.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// This part of the frame: 0 is text, the others are binary.
    Message(Arc<Frame>, usize),
    /// The last word, with its code.
    Close(Option<u16>),
}

/// State of a link after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Read on.
    Open,
    /// The session is paused: do not read until [`Resumed::Link`].
    Paused,
    /// No more reading: write what [`Shard::link_slices`] gives (a close frame is the last of it), then close the TCP
    /// connection and call [`Shard::handle_link_closed`].
    Closing,
}
