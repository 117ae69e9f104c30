use std::net::Ipv4Addr;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

const AAAA: u16 = 28;

/// How two name servers fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameTrouble {
    /// The first never answers.
    FirstDead,
    /// The first does not answer its first question for an IPv6 address.
    LosesOneAnswer,
    /// Neither of the two ever answers.
    BothDead,
}

/// Two name servers (RFC 1035) that know every name as 127.0.0.1, and one trouble. Only root may
/// listen on their port.
pub struct NameServers {
    configuration: String,
    _answering: JoinSet<()>,
}

impl NameServers {
    pub async fn start(trouble: NameTrouble) -> Self {
        let mut answering = JoinSet::new();
        let mut configuration = String::new();
        for is_first in [true, false] {
            let (socket, address) = socket().await;
            configuration = configuration + "nameserver " + &address.to_string() + "\n";
            answering.spawn(answer(socket, is_first, trouble));
        }
        Self {
            configuration,
            _answering: answering,
        }
    }

    /// Returns the text of a `resolv.conf` that names them.
    pub(crate) fn configuration(&self) -> &str {
        &self.configuration
    }
}

/// Listens on a loopback address that no other test uses.
async fn socket() -> (UdpSocket, Ipv4Addr) {
    for low in 1..=u8::MAX {
        let address = Ipv4Addr::new(127, 53, std::process::id().to_le_bytes()[0], low);
        if let Ok(socket) = UdpSocket::bind((address, 53)).await {
            return (socket, address);
        }
    }
    panic!("this test must be root to listen on port 53")
}

async fn answer(socket: UdpSocket, is_first: bool, trouble: NameTrouble) {
    let mut has_lost_one = false;
    let mut query = [0; 512];
    loop {
        let (length, client) = socket.recv_from(&mut query).await.unwrap();
        let query = &query[..length];
        let loses_this = match trouble {
            NameTrouble::FirstDead => is_first,
            NameTrouble::BothDead => true,
            NameTrouble::LosesOneAnswer => {
                let is_lost = is_first && !has_lost_one && record_type(query) == AAAA;
                has_lost_one |= is_lost;
                is_lost
            }
        };
        if !loses_this {
            socket.send_to(&answer_to(query), client).await.unwrap();
        }
    }
}

/// Returns the end of the question, which begins after the header of 12 bytes with a name.
fn end_of_question(query: &[u8]) -> usize {
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
    12 + name + 5
}

fn record_type(query: &[u8]) -> u16 {
    let end = end_of_question(query);
    u16::from_be_bytes([query[end - 4], query[end - 3]])
}

fn answer_to(query: &[u8]) -> Vec<u8> {
    let answers = u8::from(record_type(query) != AAAA);
    let mut answer = query[..2].to_vec(); // the identifier
    answer.extend([0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]); // an answer to one question
    answer.extend(&query[12..end_of_question(query)]);
    if answers == 1 {
        // The name of the question, an IPv4 address, for 60 s.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}
