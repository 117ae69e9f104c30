//! The programs that we measure, built or installed once, below this package's target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const SDK: &str = "go-authgate";
const SDK_VERSION: &str = "0.2.2";

/// The folders that the programs are built from and run from.
pub(crate) struct Programs {
    /// The folder of this program, which also holds the programs that are built with it.
    beside: PathBuf,
    workspace: PathBuf,
    package: PathBuf,
    /// The folder for files that we create and that may be deleted.
    pub(crate) scratch: PathBuf,
}

impl Programs {
    /// Builds and installs what is missing.
    pub(crate) fn ready() -> Result<Self> {
        let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.join("../../..").canonicalize()?;
        let beside = std::env::current_exe()?
            .parent()
            .context("a program in no folder")?
            .to_owned();
        let scratch = beside.join("side-by-side-scratch");
        std::fs::create_dir_all(&scratch)?;
        let programs = Self {
            beside,
            workspace,
            package,
            scratch,
        };
        programs.build()?;
        programs.copy()?;
        programs.install()?;
        Ok(programs)
    }

    /// Builds the workspace's programs in release mode, and this package's other programs, which
    /// cargo leaves out when it runs only one.
    fn build(&self) -> Result<()> {
        // Build one by one, as people run them: together, each would get the other's features.
        for package in ["rust-m2m", "rust-cli"] {
            run(self
                .cargo("build")
                .args(["--locked", "--release", "--quiet", "-p", package]))?;
        }
        let manifest = self.package.join("Cargo.toml");
        run(self
            .cargo("build")
            .args([
                "--locked",
                "--release",
                "--quiet",
                "--bins",
                "--manifest-path",
            ])
            .arg(manifest))
    }

    /// Copies the programs, as an installation would. A linker leaves its output in memory page by
    /// page, and starting that takes up to a tenth longer than starting a copy.
    fn copy(&self) -> Result<()> {
        for name in [
            "rust-m2m",
            "rust-cli",
            "three-requests",
            "launcher",
            "allocations",
        ] {
            std::fs::copy(self.beside.join(name), self.scratch.join(name))
                .with_context(|| format!("{name} cannot be copied"))?;
        }
        Ok(())
    }

    fn install(&self) -> Result<()> {
        let complete = self.python_folder().join("complete");
        if complete.exists() {
            return Ok(());
        }
        let sdk = format!("{SDK}=={SDK_VERSION}");
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(self.python_folder()))?;
        run(Command::new(self.python()).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &sdk,
        ]))?;
        Ok(std::fs::write(complete, "")?)
    }

    /// Returns a cargo command in the workspace that uses this program's target folder.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let target = self.beside.parent().unwrap_or(&self.beside);
        command
            .arg(subcommand)
            .current_dir(&self.workspace)
            .env("CARGO_TARGET_DIR", target);
        command
    }

    /// Returns the path of a program of this package or of the workspace.
    pub(crate) fn built(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Returns the path of the Python that has the SDK.
    pub(crate) fn python(&self) -> PathBuf {
        self.python_folder().join("bin/python")
    }

    /// Returns the folder of this version of the SDK. Each version has its own folder, so that we
    /// measure none under another's name.
    fn python_folder(&self) -> PathBuf {
        self.scratch.join(format!("python-{SDK}-{SDK_VERSION}"))
    }

    /// Returns the path of one of the Python peers.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.package.join("python").join(name)
    }

    /// Returns the manifest of `rust-m2m` with reqwest's default features.
    pub(crate) fn variant(&self) -> PathBuf {
        self.package.join("reqwest-defaults/Cargo.toml")
    }

    /// Creates an empty folder, which is deleted on drop.
    pub(crate) fn folder(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.scratch)?)
    }
}

/// Runs a command to its end; it must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let program = Path::new(command.get_program()).display();
    let status = status.with_context(|| format!("{program} cannot be run"))?;
    ensure!(status.success(), "{program} failed: {status}");
    Ok(())
}
