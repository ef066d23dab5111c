//! Smart HTTP on the loopback: git's own `http-backend` behind a server that can also misbehave.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it was received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    /// How many requests came before it.
    pub(crate) number: usize,
    body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Whether it asks for a pack.
    pub(crate) fn is_fetch(&self) -> bool {
        self.body.windows(13).any(|text| text == b"command=fetch")
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// git answers.
    Serve,
    /// That status.
    Status(u16),
    /// A redirect, permanent as GitHub's of a renamed repository.
    Redirect(String),
    /// A page for a person.
    Page,
    /// Nothing, for as long as the client waits.
    Stall,
    /// git answers so many bytes of the body, and then nothing.
    StallAfter(usize),
    /// git answers so many bytes of the body, and then the connection is closed.
    CutAfter(usize),
    /// A pack that never ends.
    Endless,
}

type Judge = Box<dyn Fn(&Asked) -> Act + Send + Sync>;

struct Shared {
    root: PathBuf,
    judge: Mutex<Judge>,
    log: Mutex<Vec<Asked>>,
    tls: Option<Arc<ServerConfig>>,
    /// Connections that are open, to be closed at the end.
    open: Mutex<Vec<TcpStream>>,
}

/// A server, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves the bare repositories of a folder.
    pub(crate) fn new(root: &Path) -> Self {
        Self::start(root, None)
    }

    /// The same over TLS.
    pub(crate) fn with_tls(root: &Path, config: Arc<ServerConfig>) -> Self {
        Self::start(root, Some(config))
    }

    fn start(root: &Path, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            judge: Mutex::new(Box::new(|_| Act::Serve)),
            log: Mutex::default(),
            tls,
            open: Mutex::default(),
        });
        let serving = Arc::downgrade(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(shared) = serving.upgrade() else {
                    return;
                };
                let Ok(stream) = stream else { return };
                shared
                    .open
                    .lock()
                    .unwrap()
                    .push(stream.try_clone().unwrap());
                thread::spawn(move || shared.connection(stream));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Says what is done with requests from now on.
    pub(crate) fn on(&self, judge: impl Fn(&Asked) -> Act + Send + Sync + 'static) {
        *self.shared.judge.lock().unwrap() = Box::new(judge);
    }

    /// Every request so far.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.shared.log.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts, which sees that the server is gone.
        self.shared = Arc::new(Shared {
            root: PathBuf::new(),
            judge: Mutex::new(Box::new(|_| Act::Serve)),
            log: Mutex::default(),
            tls: None,
            open: Mutex::default(),
        });
        let _ = TcpStream::connect(self.address);
    }
}

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

impl Shared {
    fn connection(&self, stream: TcpStream) {
        let raw = stream.try_clone().unwrap();
        let mut stream: Box<dyn Duplex> = match &self.tls {
            None => Box::new(stream),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                Box::new(StreamOwned::new(connection, stream))
            }
        };
        while let Ok(Some(mut asked)) = read_request(&mut stream) {
            let act = {
                let mut log = self.log.lock().unwrap();
                asked.number = log.len();
                log.push(asked.clone());
                self.judge.lock().unwrap()(&asked)
            };
            if !matches!(self.answer(&mut stream, &asked, act), Ok(true)) {
                break;
            }
        }
        let _ = raw.shutdown(Shutdown::Both);
    }

    /// Answers whether the connection can take another request.
    fn answer(&self, stream: &mut dyn Duplex, asked: &Asked, act: Act) -> io::Result<bool> {
        match act {
            Act::Serve => self.serve(stream, asked, usize::MAX),
            Act::Status(status) => {
                let basic = "WWW-Authenticate: Basic realm=\"GitHub\"\r\n";
                write!(
                    stream,
                    "HTTP/1.1 {status} No\r\n{basic}Content-Length: 0\r\n\r\n"
                )?;
                Ok(true)
            }
            Act::Redirect(target) => {
                let moved = "HTTP/1.1 301 Moved Permanently\r\nContent-Length: 0\r\n";
                write!(stream, "{moved}Location: {target}\r\n\r\n")?;
                Ok(true)
            }
            Act::Page => {
                let page =
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n";
                write!(stream, "{page}<html>hi</html>")?;
                Ok(true)
            }
            Act::Stall => stall(stream),
            Act::StallAfter(bytes) => {
                self.serve(stream, asked, bytes)?;
                stall(stream)
            }
            Act::CutAfter(bytes) => {
                self.serve(stream, asked, bytes)?;
                Ok(false)
            }
            Act::Endless => endless(stream),
        }
    }

    fn serve(&self, stream: &mut dyn Duplex, asked: &Asked, limit: usize) -> io::Result<bool> {
        let (mut child, mut output) = self.backend(asked)?;
        let (mut status, mut headers) = ("200 OK".to_owned(), String::new());
        while let Some(line) = read_line(&mut output)? {
            match line.strip_prefix("Status: ") {
                Some(told) => status = told.to_owned(),
                None if line.is_empty() => break,
                None => headers += &format!("{line}\r\n"),
            }
        }
        write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
        )?;
        let (mut buffer, mut left) = (vec![0; 64 << 10], limit);
        loop {
            let wanted = buffer.len().min(left);
            let read = output.read(&mut buffer[..wanted])?;
            if read == 0 {
                break;
            }
            left -= read;
            write!(stream, "{read:x}\r\n")?;
            stream.write_all(&buffer[..read])?;
            stream.write_all(b"\r\n")?;
        }
        stream.flush()?;
        drop(output);
        child.wait()?;
        if left > 0 {
            stream.write_all(b"0\r\n\r\n")?;
            stream.flush()?;
        }
        Ok(left > 0)
    }

    fn backend(&self, asked: &Asked) -> io::Result<(Child, ChildStdout)> {
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("PATH_INFO", &asked.path)
            .env("QUERY_STRING", &asked.query)
            .env("REQUEST_METHOD", &asked.method)
            .env("REMOTE_ADDR", "127.0.0.1")
            .env(
                "CONTENT_TYPE",
                asked.header("content-type").unwrap_or_default(),
            )
            .env("CONTENT_LENGTH", asked.body.len().to_string())
            .env(
                "HTTP_CONTENT_ENCODING",
                asked.header("content-encoding").unwrap_or_default(),
            )
            .env(
                "GIT_PROTOCOL",
                asked.header("git-protocol").unwrap_or_default(),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (mut input, body) = (child.stdin.take().unwrap(), asked.body.clone());
        thread::spawn(move || input.write_all(&body));
        let output = child.stdout.take().unwrap();
        Ok((child, output))
    }
}

/// Waits until the client has gone.
fn stall(stream: &mut dyn Duplex) -> io::Result<bool> {
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(false)
}

/// Begins a pack of many objects, and sends one that never ends: zeros, that deflate stores.
fn endless(stream: &mut dyn Duplex) -> io::Result<bool> {
    let kind = "Content-Type: application/x-git-upload-pack-result";
    write!(
        stream,
        "HTTP/1.1 200 OK\r\n{kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )?;
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x09".to_vec();
    // A blob of 2^60 bytes.
    pack.extend_from_slice(&[0xb0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    pack.extend_from_slice(&[0x78, 0x01]);
    let mut send = |line: &[u8]| {
        let head = format!("{:x}\r\n{:04x}", line.len() + 4, line.len() + 4);
        stream.write_all(head.as_bytes())?;
        stream.write_all(line)?;
        stream.write_all(b"\r\n")
    };
    send(b"packfile\n")?;
    send(&[&[1], &pack[..]].concat())?;
    let mut stored = vec![1, 0, 0, 0x10, 0xff, 0xef];
    stored.resize(6 + 0x1000, 0);
    loop {
        send(&stored)?;
    }
}

fn read_line(from: &mut (impl Read + ?Sized)) -> io::Result<Option<String>> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    loop {
        if from.read(&mut byte)? == 0 {
            return Ok(None);
        }
        match byte[0] {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches('\r').to_owned()))
}

fn read_request(stream: &mut dyn Duplex) -> io::Result<Option<Asked>> {
    let Some(line) = read_line(stream)? else {
        return Ok(None);
    };
    let mut parts = line.split(' ');
    let (Some(method), Some(target)) = (parts.next(), parts.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut asked = Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..Asked::default()
    };
    while let Some(line) = read_line(stream)?.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':') {
            let header = (name.to_ascii_lowercase(), value.trim().to_owned());
            asked.headers.push(header);
        }
    }
    if asked.header("transfer-encoding").is_some() {
        loop {
            let size = read_line(stream)?.unwrap_or_default();
            let size = usize::from_str_radix(&size, 16).unwrap_or(0);
            let mut chunk = vec![0; size];
            stream.read_exact(&mut chunk)?;
            read_line(stream)?;
            asked.body.extend(chunk);
            if size == 0 {
                break;
            }
        }
    } else {
        let length = asked
            .header("content-length")
            .and_then(|text| text.parse().ok());
        asked.body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut asked.body)?;
    }
    Ok(Some(asked))
}
