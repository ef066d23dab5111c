//! Repositories of GitHub and the refs in them, parsed before anything is connected to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Names a repository of GitHub: `owner/repo`, and nothing else.
///
/// - The owner has 1 to 39 letters, digits and hyphens of ASCII; a hyphen stands alone, and neither first nor last. An
///   owner of a GitHub Enterprise may have an underscore and a suffix after it, as managed users do.
/// - The repository has 1 to 100 letters, digits, hyphens, underscores and dots of ASCII, is not `.` or `..`, and does not
///   end in `.git` or `.wiki`.
/// - The text is compared as it was given, and can stand in a URL as it is.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GithubRepo(String);

impl GithubRepo {
    /// The longest name of an owner.
    const MAX_OWNER: usize = 39;
    /// The longest name of a repository.
    const MAX_NAME: usize = 100;

    /// Takes `owner/repo`.
    ///
    /// # Errors
    /// [`GithubRepoInvalid`](Error::GithubRepoInvalid) for anything else: a URL, a path, an option. The error does not
    /// repeat the text, because a URL may hold a credential.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Err(Error::GithubRepoInvalid { reason });
        let Some((owner, name)) = text.split_once('/') else {
            return invalid("it has no `/`");
        };
        if !is_owner(owner) {
            return invalid("the owner is not one of GitHub's");
        }
        if !is_name(name) {
            return invalid("the repository's name is not one of GitHub's");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text: `owner/repo`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_owner(owner: &str) -> bool {
    let (name, suffix) = owner.split_once('_').unwrap_or((owner, "x"));
    let alphanumeric =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    owner.len() <= GithubRepo::MAX_OWNER
        && name.split('-').all(alphanumeric)
        && alphanumeric(suffix)
}

fn is_name(name: &str) -> bool {
    let ending = name.to_ascii_lowercase();
    (1..=GithubRepo::MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && name != "."
        && name != ".."
        && !ending.ends_with(".git")
        && !ending.ends_with(".wiki")
}

impl TryFrom<String> for GithubRepo {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<GithubRepo> for String {
    fn from(repo: GithubRepo) -> Self {
        repo.0
    }
}

impl fmt::Display for GithubRepo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GithubRepo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GithubRepo({})", self.0)
    }
}

/// What of a repository is wanted: a branch, a tag or a commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GitRef {
    /// A commit, by its full id in lower case.
    Commit(String),
    /// A branch, or else a tag: by its short name, or by a full one that begins with `refs/heads/` or `refs/tags/`.
    Name(String),
}

impl GitRef {
    /// The longest name, in bytes.
    const MAX_BYTES: usize = 255;

    /// Takes the name of a branch or a tag by git's grammar, or the forty hexadecimal digits of a commit.
    ///
    /// # Errors
    /// [`InvalidRequest`](Error::InvalidRequest) if the text can be none of them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Commit(text.to_ascii_lowercase()));
        }
        if is_ref_name(text) {
            return Ok(Self::Name(text.to_owned()));
        }
        Err(Error::InvalidRequest {
            reason: "the ref is not the name of a branch or a tag, nor a commit's full id"
                .to_owned(),
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            GitRef::Commit(text) | GitRef::Name(text) => text,
        }
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `git check-ref-format --branch` takes the name; of full names only those of branches and tags.
fn is_ref_name(name: &str) -> bool {
    let short = ["refs/heads/", "refs/tags/"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let allowed = |c: char| !c.is_control() && !" ~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    (1..=GitRef::MAX_BYTES).contains(&name.len())
        && !short.starts_with("refs/")
        && !short.starts_with('-')
        && short != "HEAD"
        && short != "@"
        && short.chars().all(allowed)
        && !short.contains("..")
        && !short.contains("@{")
        && !short.ends_with('.')
        && short.split('/').all(part)
}

/// What an import has too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportLimit {
    /// Bytes that the server sends.
    ReceivedBytes,
    /// Objects of git.
    Objects,
    /// Bytes of one object.
    ObjectBytes,
    /// Files and folders to check out.
    Files,
    /// Bytes of all files to check out.
    FileBytes,
    /// Time.
    Time,
}

impl fmt::Display for ImportLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ImportLimit::ReceivedBytes => "bytes sent by the server",
            ImportLimit::Objects => "objects",
            ImportLimit::ObjectBytes => "bytes in one object",
            ImportLimit::Files => "files",
            ImportLimit::FileBytes => "bytes in its files",
            ImportLimit::Time => "time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_and_repository_are_taken_as_github_names_them() {
        for text in [
            "a/b",
            "rust-lang/rust",
            "A1-b2-C3/d.e_f-g",
            "octocat_acme/x",
            "o/.github",
            "o/-",
            "o/git",
            "o/...",
        ] {
            assert_eq!(GithubRepo::parse(text).unwrap().as_str(), text);
        }
        let longest = format!("{}/{}", "o".repeat(39), "r".repeat(100));
        GithubRepo::parse(&longest).unwrap();
    }

    #[test]
    fn anything_else_is_refused() {
        let too_long = [
            format!("{}/r", "o".repeat(40)),
            format!("o/{}", "r".repeat(101)),
        ];
        let texts = [
            "",
            "/",
            "a",
            "a/",
            "/b",
            "a/b/c",
            "-oProxyCommand=x",
            "-oProxyCommand=x/y",
            "--upload-pack=x/y",
            "file:///etc",
            "file:///etc/passwd",
            "ext::sh",
            "ext::sh -c id/x",
            "a/../b",
            "../b",
            "a/..",
            "a/.",
            "./b",
            "%2e%2e/b",
            "a/%2e%2e",
            "owner\nHost:/x",
            "owner/x\nHost: y",
            "owner/x\r\n",
            "github.com.evil/x",
            "user@host/x",
            "user:secret@github.com/x",
            "https://github.com/a/b",
            "git@github.com:a/b",
            "a/b.git",
            "a/b.GIT",
            "a/b.wiki",
            "a/b?x",
            "a/b#x",
            "a/b c",
            "a b/c",
            "a\\b/c",
            "a/b\0",
            "a--b/c",
            "-a/b",
            "a-/b",
            "a_/b",
            "_a/b",
            "a_b_c/d",
            "ä/b",
            "a/ä",
            "a/b\u{202e}",
        ];
        for text in texts.into_iter().chain(too_long.iter().map(String::as_str)) {
            let refused = GithubRepo::parse(text).unwrap_err();
            assert_eq!(refused.code().as_str(), "github_repo_invalid", "{text:?}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }

    #[test]
    fn refs_are_taken_as_git_names_them() {
        let id = "0123456789abcdef0123456789ABCDEF01234567";
        assert_eq!(
            GitRef::parse(id).unwrap(),
            GitRef::Commit(id.to_ascii_lowercase())
        );
        for text in [
            "main",
            "feature/x-1",
            "v1.0",
            "refs/heads/main",
            "refs/tags/v1",
            "ä/ö",
            "a@b",
            "0123456",
            "x\"y",
        ] {
            assert_eq!(GitRef::parse(text).unwrap(), GitRef::Name(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_ref_is_refused() {
        let too_long = "r".repeat(256);
        for text in [
            "",
            "-x",
            "--upload-pack=x",
            "refs/heads/-x",
            "a..b",
            "../x",
            "a@{1}",
            "@",
            "HEAD",
            "a b",
            "a\nb",
            "a\0b",
            "a~1",
            "a^",
            "a:b",
            "+a:b",
            "a*",
            "a?",
            "a[b",
            "a\\b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "a.lock",
            "a.lock/b",
            "refs/pull/1/head",
            "refs/heads/",
            &too_long,
        ] {
            let refused = GitRef::parse(text).unwrap_err();
            assert_eq!(refused.code().as_str(), "invalid_request", "{text:?}");
        }
    }
}
