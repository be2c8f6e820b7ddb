//! A PostgreSQL of the test's own, gone with it: as `loadgen/cluster/postgres.sh` makes one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who runs it: PostgreSQL refuses to be root.
const PASSWORD: &str = "correct-horse";

/// A running server.
pub struct TemporaryPostgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    pub port: u16,
}

impl TemporaryPostgres {
    /// Makes and starts one, with databases `temporal` and `temporal_visibility`.
    pub fn start(statistics: bool) -> TemporaryPostgres {
        let programs = programs().expect("PostgreSQL's programs: PLIMSOLL_PG_BIN, or Debian's postgresql package");
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let postgres = TemporaryPostgres { programs, folder, port };
        fs::write(postgres.folder.path().join("password"), PASSWORD).expect("a file");
        let data = postgres.data();
        let password_file = format!("--pwfile={}", postgres.folder.path().join("password").display());
        postgres.run(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "temporal",
                "--auth=scram-sha-256",
                &password_file,
                "--no-sync",
                "--locale=C.UTF-8",
                "-E",
                "UTF8",
            ],
        );
        let preload =
            if statistics { "-c shared_preload_libraries=pg_stat_statements -c track_wal_io_timing=on" } else { "" };
        let folder = postgres.folder.path().display();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c autovacuum=off {preload}"
        );
        let log = format!("{folder}/log");
        postgres.run("pg_ctl", &["-D", &data, "-l", &log, "-o", &options, "-w", "-t", "60", "start"]);
        for name in ["temporal", "temporal_visibility"] {
            postgres.query("postgres", &format!("CREATE DATABASE {name}"));
        }
        if statistics {
            postgres.query("postgres", "CREATE EXTENSION pg_stat_statements");
        }
        postgres
    }

    /// Its address with a password.
    pub fn url(&self, password: &str) -> String {
        format!("postgres://temporal:{password}@127.0.0.1:{}/temporal?sslmode=disable", self.port)
    }

    /// Its address.
    pub fn right_url(&self) -> String {
        self.url(PASSWORD)
    }

    /// The postmaster's id.
    pub fn pid(&self) -> i32 {
        let text = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).expect("a pid file");
        text.lines().next().and_then(|line| line.parse().ok()).expect("a pid")
    }

    /// Runs SQL; a session of its own.
    pub fn query(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-t",
                "-A",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-U",
                "temporal",
                "-d",
                database,
                "-c",
                sql,
            ])
            .args(["-p", &self.port.to_string()])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("psql");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Stops and starts it.
    pub fn restart(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "fast", "-w", "-t", "60", "restart"]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let path = self.programs.join(program);
        let mut command = match is_root() {
            true => {
                let user = if Command::new("id").arg("postgres").output().is_ok_and(|id| id.status.success()) {
                    "postgres"
                } else {
                    "nobody"
                };
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", "nogroup", "--clear-groups"]).arg(path);
                command
            }
            false => Command::new(path),
        };
        // Not `output`: the server would keep the pipe open.
        let log = self.folder.path().join("run.log");
        let file = fs::File::options().create(true).append(true).open(&log).expect("a log");
        let error = file.try_clone().expect("a log");
        command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(file).stderr(error);
        let status = command.status().expect("the program starts");
        assert!(status.success(), "{program}: {}", fs::read_to_string(&log).unwrap_or_default());
    }
}

impl Drop for TemporaryPostgres {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
            return;
        }
        // A second panic would end the program: the server is asked to go.
        let _ = Command::new("kill").args(["-QUIT", &self.pid().to_string()]).status();
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn programs() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("PLIMSOLL_PG_BIN") {
        return Some(PathBuf::from(folder));
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin"));
    versions.filter(|folder| Path::new(folder).join("initdb").exists()).max()
}
