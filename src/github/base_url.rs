//! The site that repositories are fetched from.

use std::fmt;

use hyper::Uri;

use crate::error::Error;
use crate::model::GithubRepo;

/// A scheme, a host, a port and perhaps a path, of which the embedding application is the only source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

impl BaseUrl {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::InvalidRequest {
            // The text is not repeated: it may hold a credential.
            reason: format!("the base URL of GitHub {reason}"),
        };
        let uri: Uri = text.parse().map_err(|_| invalid("is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid("begins neither with https:// nor with http://")),
        };
        let authority = uri.authority().ok_or_else(|| invalid("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("holds a credential"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(invalid("has a query or a fragment"));
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(invalid("has no host"));
        }
        Ok(Self {
            secure,
            host,
            port: authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The public URL of a repository, which holds no credential.
    pub(super) fn of(&self, repo: &GithubRepo) -> String {
        format!("{self}/{repo}.git")
    }

    /// The site without its path.
    pub(super) fn root(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Whether connections are encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, without the brackets of an address of IPv6.
    pub(super) fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The value of a `Host` header.
    pub(super) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Whether a URL is of this scheme, host and port.
    pub(super) fn is_origin_of(&self, uri: &Uri) -> bool {
        let Some(authority) = uri.authority() else {
            return false;
        };
        let scheme = if self.secure { "https" } else { "http" };
        let port = authority
            .port_u16()
            .unwrap_or(if self.secure { 443 } else { 80 });
        uri.scheme_str() == Some(scheme)
            && !authority.as_str().contains('@')
            && authority.host().eq_ignore_ascii_case(&self.host)
            && port == self.port
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.root(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_is_a_scheme_a_host_a_port_and_perhaps_a_path() {
        for (given, shown) in [
            ("https://github.com", "https://github.com"),
            ("https://GitHub.com:443/", "https://github.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://[::1]:8443/git/", "https://[::1]:8443/git"),
        ] {
            assert_eq!(BaseUrl::parse(given).unwrap().to_string(), shown);
        }
        let repo = GithubRepo::parse("o/r").unwrap();
        let site = BaseUrl::parse("https://ghe.example/git").unwrap();
        assert_eq!(site.of(&repo), "https://ghe.example/git/o/r.git");
    }

    #[test]
    fn other_text_is_no_site_and_is_not_repeated() {
        for text in [
            "",
            "github.com",
            "ssh://github.com",
            "file:///etc",
            "ext::sh",
            "https://user:secret@github.com",
            "https://github.com/?secret",
            "https://github.com/#secret",
            "https://",
        ] {
            let refused = BaseUrl::parse(text).unwrap_err();
            assert_eq!(refused.code().as_str(), "invalid_request", "{text:?}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }

    #[test]
    fn another_scheme_host_or_port_is_another_site() {
        let site = BaseUrl::parse("https://github.com").unwrap();
        let same = |text: &str| site.is_origin_of(&text.parse().unwrap());
        assert!(same("https://github.com/x"));
        assert!(same("https://GITHUB.com:443/x"));
        for other in [
            "http://github.com/x",
            "https://github.com:8443/x",
            "https://github.com.evil/x",
            "https://evil@github.com/x",
            "https://127.0.0.1/x",
            "/x",
        ] {
            assert!(!same(other), "{other}");
        }
    }
}
