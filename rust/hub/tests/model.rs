//! Sessions under any script: what is closed stays closed, each connect has one disconnect, no event comes after it, and
//! an acknowledgement settles once. The rules stand in `common/model.rs`; here is who writes the scripts.

mod common;

use common::model::{Act, play};
use proptest::prelude::*;

/// What clients say: mostly sense, some nonsense, and the right thing at the wrong time.
const WORDS: [&str; 22] = [
    "40",
    "40",
    "40",
    "40{\"token\":1}",
    "40/nowhere,",
    "41",
    "42[\"e\"]",
    "42[\"e\"]",
    "421[\"e\",{}]",
    "42[]",
    "42{",
    "43",
    "451-[\"e\",{\"_placeholder\":true,\"num\":0}]",
    "461-0[{\"_placeholder\":true,\"num\":0}]",
    "44{}",
    "1",
    "2",
    "2probe",
    "3",
    "5",
    "x",
    "bAQID",
];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(&WORDS[..]).prop_map(str::to_owned)
}

fn body() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..4).prop_map(|words| words.join("\u{1e}"))
}

fn act() -> impl Strategy<Value = Act> {
    let one = any::<u8>();
    let client = prop_oneof![
        2 => Just(Act::OpenPolling),
        3 => Just(Act::OpenWebSocket),
        2 => one.prop_map(Act::Upgrade),
        12 => (one, word()).prop_map(|(link, word)| Act::Say(link, word)),
        2 => (one, prop::collection::vec(one, 0..4)).prop_map(|(link, data)| Act::SayBytes(link, data)),
        3 => (one, one).prop_map(|(link, ack)| Act::Answer(link, ack)),
        3 => one.prop_map(Act::Poll),
        1 => one.prop_map(Act::AbortPoll),
        6 => (one, body()).prop_map(|(session, body)| Act::Post(session, body)),
        1 => (one, any::<bool>()).prop_map(|(session, large)| Act::BreakPost(session, large)),
        1 => one.prop_map(Act::CloseFrame),
        1 => one.prop_map(Act::Violate),
        1 => one.prop_map(Act::Cut),
        4 => Just(Act::Write),
    ];
    let application = prop_oneof![
        10 => one.prop_map(Act::Accept),
        1 => one.prop_map(Act::Refuse),
        1 => one.prop_map(Act::Disconnect),
        1 => one.prop_map(Act::DisconnectSession),
        1 => one.prop_map(Act::CloseSession),
        1 => one.prop_map(Act::FailSession),
        3 => (one, any::<bool>()).prop_map(|(socket, volatile)| Act::Emit(socket, volatile)),
        2 => Just(Act::Broadcast),
        2 => one.prop_map(Act::Join),
        1 => one.prop_map(Act::Leave),
        3 => one.prop_map(Act::Ask),
        1 => one.prop_map(Act::Forget),
        2 => Just(Act::CatchUp),
    ];
    prop_oneof![
        12 => client,
        8 => application,
        2 => (1..60_000_u32).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn sessions_keep_their_promises(
        script in prop::collection::vec(act(), 1..120),
        shutdown in prop::option::weighted(0.2, 0..120_usize),
    ) {
        let mut script = script;
        if let Some(at) = shutdown {
            script.insert(at.min(script.len()), Act::Shutdown);
        }
        play(&script);
    }
}
