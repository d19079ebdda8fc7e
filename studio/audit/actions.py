"""The actions that the audit trail knows."""

from django.db import models


class Action(models.TextChoices):
    """What was done. A value, once used, keeps its meaning."""

    TEAM_CREATED = "team.created", "Team created"
    TEAM_RENAMED = "team.renamed", "Team renamed"
    MEMBER_INVITED = "member.invited", "Member invited"
    INVITATION_REVOKED = "invitation.revoked", "Invitation revoked"
    MEMBER_JOINED = "member.joined", "Member joined"
    ROLE_CHANGED = "member.role_changed", "Role changed"
    MEMBER_REMOVED = "member.removed", "Member removed"
    MEMBER_LEFT = "member.left", "Member left"
    USER_DEACTIVATED = "user.deactivated", "User deactivated"
    USER_REACTIVATED = "user.reactivated", "User reactivated"
    USER_ANONYMISED = "user.anonymised", "User anonymised"
    CREDITS_TOPPED_UP = "credits.topped_up", "Credits topped up"
    CREDITS_GRANTED = "credits.granted", "Credits granted"
    CREDITS_REFUNDED = "credits.refunded", "Credits refunded"
    GENERATION_STARTED = "generation.started", "Generation started"
    GENERATION_CANCELLED = "generation.cancelled", "Generation cancelled"
    CONNECTION_CREATED = "connection.created", "Connection created"
    CONNECTION_CHANGED = "connection.changed", "Connection changed"
    INSTALLATION_SET_UP = "installation.set_up", "Installation set up"
    PICTURES_PURGED = "pictures.purged", "Pictures purged"
    LIBRARY_RULES_CHANGED = "library.rules_changed", "Library rules changed"
    COLLECTION_DELETED = "collection.deleted", "Collection deleted"
    EXPORT_CREATED = "export.created", "Export created"
    EXPORT_REVOKED = "export.revoked", "Export revoked"
    LIBRARY_IMPORTED = "library.imported", "Library imported"
