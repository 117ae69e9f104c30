use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A port that is free, and that no other test is given while this value lives.
///
/// A program that is to listen there cannot be handed a listener, and between finding a free port
/// and listening another test might take it. So each port has a lock file.
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Finds a free port below those that systems give to outgoing connections.
    pub fn free() -> Self {
        let mut numbers = std::iter::repeat_with(|| fastrand::u16(10_000..30_000));
        numbers.find_map(Self::take).unwrap()
    }

    fn take(number: u16) -> Option<Self> {
        let lock =
            File::create(std::env::temp_dir().join(format!("authgate-test-port-{number}"))).ok()?;
        lock.try_lock().ok()?;
        // Not by listening there: a process that another test starts just now would inherit the listener, and hold the
        // port until it has begun to run its program.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
        let is_free = TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_err();
        is_free.then_some(Self {
            number,
            _lock: lock,
        })
    }

    pub fn number(&self) -> u16 {
        self.number
    }

    /// Whether nobody listens there on 127.0.0.1.
    pub fn is_free(&self) -> bool {
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.number)).is_ok()
    }

    pub fn redirect_uri(&self, host: &str) -> String {
        format!("http://{host}:{}/callback", self.number)
    }
}
