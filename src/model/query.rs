//! Listing: filters and keyset pages.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::account::AccountId;
use super::id::WorkspaceId;
use super::name::NameKey;
use super::record::WorkspaceRecord;
use super::session_type::SessionType;
use super::status::Status;
use crate::error::Error;

/// Which workspaces a listing holds: those that match every filter that is set.
///
/// A backend may apply it by [`matches`](Self::matches) or by an index of its own; both give the same answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkspaceFilter {
    /// Only those of this session type.
    pub session_type: Option<SessionType>,
    /// Only templates, or only what is none.
    pub template: Option<bool>,
    /// Only those in this state.
    pub status: Option<Status>,
    /// Only those whose name's key starts so. A workspace without a name has no prefix.
    pub name_prefix: Option<NameKey>,
}

impl WorkspaceFilter {
    /// Whether a record is in the listing.
    pub fn matches(&self, record: &WorkspaceRecord) -> bool {
        self.session_type
            .is_none_or(|session_type| session_type == record.session_type)
            && self
                .template
                .is_none_or(|template| template == record.template)
            && self.status.is_none_or(|status| status == record.status())
            && self.name_prefix.as_ref().is_none_or(|prefix| {
                let name = record.name.as_ref();
                name.is_some_and(|name| name.key().as_str().starts_with(prefix.as_str()))
            })
    }
}

/// Where the next page of a listing begins.
///
/// Opaque, and bound to the account that it was given to. It stays good when the workspace that it stands on is deleted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    after: WorkspaceId,
    seal: Uuid,
}

impl Cursor {
    pub(crate) fn after(account: &AccountId, after: WorkspaceId) -> Self {
        Self {
            after,
            seal: Self::seal(account, after),
        }
    }

    pub(crate) fn open(&self, account: &AccountId) -> Result<WorkspaceId, Error> {
        if self.seal != Self::seal(account, self.after) {
            return Err(Self::foreign());
        }
        Ok(self.after)
    }

    fn seal(account: &AccountId, after: WorkspaceId) -> Uuid {
        Uuid::new_v5(after.as_uuid(), account.as_str().as_bytes())
    }

    fn foreign() -> Error {
        Error::InvalidRequest {
            reason: "the cursor is not one of this listing".to_owned(),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.after.as_uuid().simple(), self.seal.simple())
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({self})")
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (after, seal) = text.split_at_checked(32).ok_or_else(Self::foreign)?;
        let parse = |part: &str| Uuid::try_parse(part).map_err(|_| Self::foreign());
        Ok(Self {
            after: WorkspaceId::from_uuid(parse(after)?),
            seal: parse(seal)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_opens_for_its_account_alone() {
        let (ours, theirs) = (
            AccountId::parse("ours").unwrap(),
            AccountId::parse("theirs").unwrap(),
        );
        let id = WorkspaceId::new();
        let cursor: Cursor = Cursor::after(&ours, id).to_string().parse().unwrap();
        assert_eq!(cursor.open(&ours).unwrap(), id);
        let refused = cursor.open(&theirs).unwrap_err().to_string();
        assert_eq!(refused, "".parse::<Cursor>().unwrap_err().to_string());
    }
}
