use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A free port, which no other test gets until this is dropped.
///
/// We cannot pass a listener to the program under test, and another test might take the port before
/// the program listens. So each port has a lock file.
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Finds a free port below those that systems use for outgoing connections.
    pub fn free() -> Self {
        let mut numbers = std::iter::repeat_with(|| fastrand::u16(10_000..30_000));
        numbers.find_map(Self::take).unwrap()
    }

    fn take(number: u16) -> Option<Self> {
        let lock =
            File::create(std::env::temp_dir().join(format!("authgate-test-port-{number}"))).ok()?;
        lock.try_lock().ok()?;
        // Connect instead of listening: a process that another test starts at this moment would
        // inherit the listener, and hold the port until it runs its program.
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

    /// Returns whether no program listens there on 127.0.0.1.
    pub fn is_free(&self) -> bool {
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.number)).is_ok()
    }

    pub fn redirect_uri(&self, host: &str) -> String {
        format!("http://{host}:{}/callback", self.number)
    }
}
