//! The built program, for tests that kill it or give it less than it needs.

use std::{
    env,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tonic::transport::{Channel, Endpoint};

use super::{Client, Database};

/// The running program. Dropped, it is killed.
pub struct Program {
    child: Child,
    greeting: Vec<String>,
    address: String,
}

impl Program {
    /// The built program: cargo builds it before the tests, into the folder above theirs.
    pub fn path() -> PathBuf {
        let test = env::current_exe().expect("the path of the test itself");
        let folder = test
            .ancestors()
            .nth(2)
            .expect("the folder of what is built");
        folder.join("contact-lists")
    }

    /// Starts it on a migrated database, with further settings.
    pub fn start(database: &Database, args: &[&str]) -> Self {
        let program = Command::new(Self::path());
        Self::start_as(program, database, args)
    }

    /// The same, but temporary files go to this folder.
    pub fn start_spooling_in(folder: &str, database: &Database, args: &[&str]) -> Self {
        let mut program = Command::new(Self::path());
        program.env("TMPDIR", folder);
        Self::start_as(program, database, args)
    }

    /// The same, but no file can grow beyond this many KiB.
    pub fn start_with_files_of(kib: u32, database: &Database, args: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        // In blocks of 512 bytes. The signal that would end the program is ignored.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", 2 * kib);
        shell.args(["-c", &script, "sh"]).arg(Self::path());
        Self::start_as(shell, database, args)
    }

    fn start_as(mut command: Command, database: &Database, args: &[&str]) -> Self {
        listen(&mut command, database.url()).args(args);
        Self::start_command(command)
    }

    /// The command that starts it on a database, to be changed and given to [`Self::start_command`].
    pub fn command(database_url: &str) -> Command {
        let mut command = Command::new(Self::path());
        listen(&mut command, database_url);
        command
    }

    /// Starts it by a command, and waits until it listens.
    pub fn start_command(mut command: Command) -> Self {
        let mut child = command.spawn().expect("a running program");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (mut greeting, mut address) = (Vec::new(), None);
        for line in output.lines().map_while(Result::ok) {
            if let Some(listening) = line.strip_prefix("listening on ") {
                address = Some(listening.to_owned());
                break;
            }
            greeting.push(line);
        }
        Self {
            child,
            greeting,
            address: address.expect("an address"),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.parse().expect("an address")
    }

    /// A caller of it.
    pub fn client(&self, key: &str) -> Client {
        Client::connect(self.address(), Some(&format!("Bearer {key}")))
    }

    /// Where operators read from it.
    pub fn admin_address(&self) -> &str {
        let line = self
            .greeting
            .iter()
            .find_map(|it| it.strip_prefix("metrics on http://"));
        let address = line.and_then(|it| it.strip_suffix("/metrics"));
        address.expect("an address for operators")
    }

    /// A connection to it, made at the first call.
    pub fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address));
        endpoint.expect("an address").connect_lazy()
    }

    /// The key that it printed, if this was its database's first start.
    pub fn first_key(&self) -> Option<&str> {
        first_key(self.greeting.iter().map(String::as_str))
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

/// The key among the lines that a first start prints.
pub fn first_key<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    lines.find_map(|line| Some(line.trim().strip_prefix("API key")?.trim()))
}

fn listen<'a>(command: &'a mut Command, database_url: &str) -> &'a mut Command {
    command
        .args(["--listen", "127.0.0.1:0", "--database-url", database_url])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
