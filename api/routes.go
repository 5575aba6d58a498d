package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"rambla/auth"
	"rambla/social"
)

// routes is every route. The columns: method, path, what it does; then the
// status of success (and another one), the body it takes, and the handler.
func (s *Server) routes(api huma.API) {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

		ctx    = "/v1/contexts/{id}"
		member = ctx + "/members/{name}"
		act    = "/v1/activities/{id}"
		conv   = "/v1/conversations/{id}"
		person = "/v1/people/{name}"
	)

	plain(api, route{method: get, path: "/healthz", summary: "Whether the process lives", tag: "info", status: 200, open: true}, s.health)
	plain(api, route{method: get, path: "/readyz", summary: "Whether it should get requests", tag: "info", status: 200, open: true}, s.ready)
	plain(api, route{method: get, path: "/.well-known/oauth-authorization-server", summary: "OAuth's endpoints (RFC 8414)", tag: "oauth", status: 200, open: true, answer: auth.Metadata{}}, s.oauthMetadata)
	plain(api, route{method: post, path: "/v1/oauth/token", summary: "Sign in, or refresh a login (RFC 6749)", tag: "oauth", status: 200, open: true, body: formBody, takes: TokenForm{}, answer: auth.Tokens{}}, s.oauthToken)
	plain(api, route{method: post, path: "/v1/oauth/introspect", summary: "What a token is good for (RFC 7662)", tag: "oauth", status: 200, open: true, body: formBody, takes: SecretForm{}, answer: auth.Introspection{}}, s.oauthIntrospect)
	plain(api, route{method: post, path: "/v1/oauth/revoke", summary: "End the login that a token belongs to (RFC 7009)", tag: "oauth", status: 200, open: true, body: formBody, takes: SecretForm{}}, s.oauthRevoke)
	plain(api, route{method: get, path: "/v1/info", summary: "What server this is", tag: "info", status: 200, open: true, answer: Info{}}, s.info)

	add(api, route{method: get, path: "/v1/me", summary: "Who I am", tag: "me", status: 200}, s.me)
	add(api, route{method: get, path: "/v1/me/tokens", summary: "My named tokens", tag: "me", status: 200}, s.listTokens)
	add(api, route{method: post, path: "/v1/me/tokens", summary: "Make a named token; it is shown this once", tag: "me", status: 201, body: jsonBody}, s.createToken)
	add(api, route{method: del, path: "/v1/me/tokens/{id}", summary: "End a named token", tag: "me", status: 204}, s.deleteToken)
	add(api, route{method: get, path: "/v1/me/sessions", summary: "My MQTT sessions, connected or stored", tag: "me", status: 200}, s.listMySessions)
	add(api, route{method: del, path: "/v1/me/sessions/{client}", summary: "End a session of mine, and its connection", tag: "me", status: 204}, s.deleteMySession)
	add(api, route{method: get, path: devicesPath, summary: "Where I am pushed to", tag: "devices", status: 200}, s.listDevices)
	add(api, route{method: post, path: devicesPath, summary: "Register the device that I run on", tag: "devices", status: 201, also: 200, body: jsonBody, nulls: "subscription.expirationTime"}, s.registerDevice)
	add(api, route{method: patch, path: devicesPath + "/{id}", summary: "Say something of a device anew", tag: "devices", status: 200, body: jsonBody}, s.patchDevice)
	add(api, route{method: del, path: devicesPath + "/{id}", summary: "Be pushed to there no longer", tag: "devices", status: 204}, s.deleteDevice)
	add(api, route{method: post, path: "/v1/me/media-token", summary: "A token for the addresses of files and pictures, for an hour", tag: "files", status: 201}, s.createMediaToken)
	add(api, route{method: get, path: "/v1/me/timeline", summary: "What was posted by me, by those I follow, and in my contexts", tag: "me", status: 200, answer: GatheredPage{}}, s.timeline)
	add(api, route{method: get, path: "/v1/me/timeline/authors", summary: "Who posted last in my timeline", tag: "me", status: 200}, s.timelineAuthors)
	add(api, route{method: get, path: "/v1/me/contexts", summary: "The contexts I belong to, and how far I have read", tag: "me", status: 200, answer: ContextOverviewPage{}}, s.listMyContexts)
	add(api, route{method: get, path: "/v1/me/conversations", summary: "The same of my conversations, the last one written in first", tag: "me", status: 200, answer: ConversationOverviewPage{}}, s.listMyConversations)
	plain(api, route{method: get, path: "/v1/me/export", summary: "Everything that I have, a JSON object a line; the last one is of the kind end", tag: "me", status: 200}, s.getMyExport)
	add(api, route{method: get, path: "/v1/me/blocks", summary: "Whom I block", tag: "me", status: 200}, s.listBlocks)
	add(api, route{method: get, path: "/v1/me/ignores", summary: "Whom I ignore", tag: "me", status: 200}, s.listIgnores)
	add(api, route{method: post, path: "/v1/me/erasure", summary: "Be removed and forgotten, which nothing undoes; needs the password", tag: "me", status: 200, also: 202, body: jsonBody}, s.eraseMe)

	add(api, route{method: get, path: "/v1/search", summary: "Find posts, comments, messages, people and contexts that I may see", tag: "search", status: 200, answer: SearchPage{}}, s.search)

	add(api, route{method: get, path: "/v1/people", summary: "The people of the site", tag: "people", status: 200}, s.listPeople)
	add(api, route{method: post, path: "/v1/people", summary: "Add a person (manager)", tag: "people", status: 201, body: jsonBody}, s.createPerson)
	add(api, route{method: get, path: "/v1/people/{name}", summary: "One person", tag: "people", status: 200}, s.getPerson)
	add(api, route{method: patch, path: "/v1/people/{name}", summary: "Change a person: oneself, or anybody (manager)", tag: "people", status: 200, body: jsonBody}, s.patchPerson)
	add(api, route{method: del, path: "/v1/people/{name}", summary: "Remove a person (manager)", tag: "people", status: 200, also: 202, silent: true}, s.deletePerson)
	add(api, route{method: get, path: "/v1/admin/erasures/{id}", summary: "What became of an erasure (manager)", tag: "admin", status: 200}, s.getErasure)
	add(api, route{method: put, path: "/v1/people/{name}/block", summary: "Block somebody: neither writes to the other any more", tag: "people", status: 201, also: 200}, s.putBlock)
	add(api, route{method: del, path: "/v1/people/{name}/block", summary: "End that", tag: "people", status: 204}, s.deleteBlock)
	add(api, route{method: put, path: "/v1/people/{name}/ignore", summary: "Ignore somebody: no pushes for what it writes, and a timeline without it", tag: "people", status: 201, also: 200}, s.putIgnore)
	add(api, route{method: del, path: "/v1/people/{name}/ignore", summary: "End that", tag: "people", status: 204}, s.deleteIgnore)

	add(api, route{method: post, path: "/v1/import", summary: "Bring in people, contexts, members, activities and comments, a JSON object a line; or people alone as CSV (manager)", tag: "people", status: 200, body: lineBody}, s.importLines)

	add(api, route{method: get, path: "/v1/me/preferences", summary: "How I want things", tag: "me", status: 200}, s.getPreferences)
	add(api, route{method: put, path: "/v1/me/preferences", summary: "Say how I want things, all of it", tag: "me", status: 200, body: jsonBody}, s.putPreferences)
	add(api, route{method: get, path: person + "/activities", summary: "Living posts of somebody's wall, as they read now", tag: "people", status: 200, answer: ActivityPage{}}, s.listWall)
	add(api, route{method: post, path: person + "/activities", summary: "Post on my own wall (name me)", tag: "people", status: 201, also: 200, body: postBody, takes: Draft{}, answer: Post{}, published: true}, s.createWallPost)
	add(api, route{method: get, path: person + "/log/posts", summary: "What subscribers of somebody's posts got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.wallPostsLog)
	add(api, route{method: get, path: person + "/log/comments", summary: "What subscribers of the comments there got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.wallCommentsLog)
	add(api, route{method: get, path: person + "/log/reactions", summary: "What subscribers of the reactions there got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.wallReactionsLog)
	add(api, route{method: put, path: person + "/follow", summary: "Follow somebody", tag: "people", status: 201, also: 200}, s.putFollow)
	add(api, route{method: del, path: person + "/follow", summary: "Follow somebody no longer", tag: "people", status: 204}, s.deleteFollow)
	add(api, route{method: get, path: person + "/followers", summary: "Who follows somebody", tag: "people", status: 200}, s.listFollowers)
	add(api, route{method: get, path: person + "/following", summary: "Whom somebody follows", tag: "people", status: 200}, s.listFollowing)

	add(api, route{method: put, path: "/v1/admin/roles/{role}/{name}", summary: "Give a role (manager)", tag: "people", status: 204}, s.giveRole)
	add(api, route{method: del, path: "/v1/admin/roles/{role}/{name}", summary: "Take a role away (manager)", tag: "people", status: 204}, s.takeRole)

	add(api, route{method: get, path: "/v1/admin/sessions", summary: "Everybody's MQTT sessions (manager)", tag: "admin", status: 200}, s.listSessions)
	add(api, route{method: del, path: "/v1/admin/sessions/{person}/{client}", summary: "End a session, and its connection (manager)", tag: "admin", status: 204}, s.deleteSession)

	add(api, route{method: get, path: "/v1/admin/stats", summary: "What the site comes to (manager)", tag: "admin", status: 200}, s.siteStats)
	add(api, route{method: get, path: "/v1/admin/errors", summary: "What went wrong in this process since it started, the last first (manager)", tag: "admin", status: 200}, s.listErrors)
	add(api, route{method: del, path: "/v1/admin/errors", summary: "Forget all of it (manager)", tag: "admin", status: 204}, s.clearErrors)
	add(api, route{method: del, path: "/v1/admin/errors/{id}", summary: "Forget one of it (manager)", tag: "admin", status: 204}, s.clearError)
	add(api, route{method: get, path: "/v1/admin/audit", summary: "What was administered, the newest first (manager)", tag: "admin", status: 200}, s.listActs)

	add(api, route{method: post, path: "/v1/admin/broadcast", summary: "Tell everybody something, on " + social.BroadcastTopic + " (manager)", tag: "admin", status: 201, body: jsonBody}, s.broadcast)
	add(api, route{method: get, path: "/v1/admin/push", summary: "What was decided of the pushes to a person (manager)", tag: "admin", status: 200}, s.tracePush)

	add(api, route{method: get, path: "/v1/contexts", summary: "The contexts I may know of", tag: "contexts", status: 200}, s.listContexts)
	add(api, route{method: post, path: "/v1/contexts", summary: "Make a context", tag: "contexts", status: 201, body: jsonBody}, s.createContext)
	add(api, route{method: get, path: ctx, summary: "One context", tag: "contexts", status: 200}, s.getContext)
	add(api, route{method: patch, path: ctx, summary: "Change a context (owner or manager)", tag: "contexts", status: 200, body: jsonBody, actable: true}, s.patchContext)
	add(api, route{method: del, path: ctx, summary: "End a context (owner or manager)", tag: "contexts", status: 204, actable: true}, s.deleteContext)
	add(api, route{method: put, path: ctx + "/owner", summary: "Hand it over (owner or manager)", tag: "contexts", status: 200, body: jsonBody, actable: true}, s.putOwner)
	add(api, route{method: put, path: ctx + "/read", summary: "Move my read marker", tag: "contexts", status: 200, body: jsonBody, takes: Receipt{}}, s.putRead)
	add(api, route{method: put, path: ctx + "/mute", summary: "Be told nothing of it, for a time or for good, or only of some things", tag: "contexts", status: 200, body: mayBody}, s.putMute(social.InContext))
	add(api, route{method: del, path: ctx + "/mute", summary: "Be told of it again", tag: "contexts", status: 204}, s.deleteMute(social.InContext))
	plain(api, route{method: get, path: ctx + "/export", summary: "Everything of it that I may read, a JSON object a line; the last one is of the kind end (owner or manager)", tag: "contexts", status: 200}, s.getContextExport)
	add(api, route{method: get, path: ctx + "/members", summary: "Who belongs to it", tag: "contexts", status: 200}, s.listMembers)
	add(api, route{method: put, path: ctx + "/members", summary: "Make its members those of a full list (owner or manager)", tag: "contexts", status: 200, body: listBody, takes: MemberList{}, actable: true}, s.putMembers)
	add(api, route{method: put, path: member, summary: "Join (name me), or add somebody", tag: "contexts", status: 201, also: 200, actable: true}, s.putMember)
	add(api, route{method: del, path: member, summary: "Leave (name me), or remove somebody", tag: "contexts", status: 204, actable: true}, s.deleteMember)
	add(api, route{method: put, path: member + "/grants/{permission}", summary: "Grant a permission (owner or manager)", tag: "contexts", status: 201, also: 200, body: mayBody, actable: true}, s.putGrant)
	add(api, route{method: del, path: member + "/grants/{permission}", summary: "Take a grant back (owner or manager)", tag: "contexts", status: 204, actable: true}, s.deleteGrant)
	add(api, route{method: put, path: member + "/vetoes/{permission}", summary: "Veto a permission (owner or manager)", tag: "contexts", status: 201, also: 200, body: mayBody, actable: true}, s.putVeto)
	add(api, route{method: del, path: member + "/vetoes/{permission}", summary: "Take a veto back (owner or manager)", tag: "contexts", status: 204, actable: true}, s.deleteVeto)
	add(api, route{method: del, path: member + "/overrides", summary: "Take all grants and vetoes back (owner or manager)", tag: "contexts", status: 204, actable: true}, s.deleteOverrides)

	add(api, route{method: get, path: ctx + "/bans", summary: "Who is banned from it (owner, manager, moderator)", tag: "contexts", status: 200}, s.listBans)
	add(api, route{method: put, path: ctx + "/bans/{name}", summary: "Ban somebody (owner, manager, moderator)", tag: "contexts", status: 201, also: 200, body: mayBody, actable: true}, s.putBan)
	add(api, route{method: del, path: ctx + "/bans/{name}", summary: "Lift a ban (owner, manager, moderator)", tag: "contexts", status: 204, actable: true}, s.deleteBan)

	add(api, route{method: get, path: ctx + "/activities", summary: "Living posts, as they read now", tag: "activities", status: 200, answer: ActivityList{}}, s.listActivities)
	add(api, route{method: get, path: ctx + "/authors", summary: "Who posted last in it", tag: "activities", status: 200}, s.listAuthors)
	add(api, route{method: post, path: ctx + "/activities", summary: "Post", tag: "activities", status: 201, also: 200, body: postBody, takes: Draft{}, answer: Post{}, actable: true, published: true}, s.createActivity)
	add(api, route{method: get, path: "/v1/activities/{id}", summary: "One post", tag: "activities", status: 200, answer: Activity{}}, s.getActivity)
	add(api, route{method: patch, path: "/v1/activities/{id}", summary: "Edit a post of mine", tag: "activities", status: 200, body: postBody, takes: Edit{}, answer: Activity{}, actable: true, published: true}, s.patchActivity)
	add(api, route{method: del, path: "/v1/activities/{id}", summary: "Remove a post", tag: "activities", status: 204, actable: true}, s.deleteActivity)
	add(api, route{method: get, path: act + "/history", summary: "What it says and said, oldest first", tag: "activities", status: 200}, s.listRevisions)
	add(api, route{method: get, path: act + "/comments", summary: "Its living comments", tag: "activities", status: 200, answer: PostPage{}}, s.listComments)
	add(api, route{method: post, path: act + "/comments", summary: "Comment on it, or answer a comment", tag: "activities", status: 201, body: postBody, takes: Draft{}, answer: Post{}, actable: true, published: true}, s.createComment)
	add(api, route{method: get, path: "/v1/comments/{id}", summary: "One comment", tag: "activities", status: 200, answer: Post{}}, s.getComment)
	add(api, route{method: patch, path: "/v1/comments/{id}", summary: "Edit a comment of mine", tag: "activities", status: 200, body: postBody, takes: Edit{}, answer: Post{}, actable: true, published: true}, s.patchComment)
	add(api, route{method: del, path: "/v1/comments/{id}", summary: "Remove a comment: mine, on an activity of mine, or with the permission delete", tag: "activities", status: 204, actable: true}, s.deleteComment)
	add(api, route{method: get, path: act + "/likes", summary: "Who likes it, the newest first", tag: "activities", status: 200}, s.listLikes)
	add(api, route{method: put, path: act + "/like", summary: "Like it", tag: "activities", status: 201, also: 200, actable: true}, s.putLike)
	add(api, route{method: del, path: act + "/like", summary: "Like it no longer", tag: "activities", status: 204, actable: true}, s.deleteLike)
	add(api, route{method: put, path: act + "/favorite", summary: "Keep it among my favorites, which nobody else sees", tag: "activities", status: 201, also: 200}, s.putFavorite)
	add(api, route{method: del, path: act + "/favorite", summary: "Keep it no longer", tag: "activities", status: 204}, s.deleteFavorite)
	add(api, route{method: put, path: act + "/flag", summary: "Highlight it (permission flag)", tag: "activities", status: 201, also: 200, actable: true}, s.putFlag)
	add(api, route{method: del, path: act + "/flag", summary: "Highlight it no longer (permission flag)", tag: "activities", status: 204, actable: true}, s.deleteFlag)
	add(api, route{method: post, path: act + "/share", summary: "Share it into a context, or on my wall", tag: "activities", status: 201, body: postBody, takes: ShareDraft{}, answer: Post{}, actable: true, published: true}, s.createShare)
	add(api, route{method: post, path: act + "/report", summary: "Tell its moderators", tag: "activities", status: 201, also: 200, body: jsonBody}, s.createReport(social.SortActivity))
	add(api, route{method: post, path: "/v1/comments/{id}/report", summary: "Tell the moderators of its place", tag: "activities", status: 201, also: 200, body: jsonBody}, s.createReport(social.SortComment))
	add(api, route{method: get, path: "/v1/reports", summary: "Open reports, where I moderate", tag: "activities", status: 200, answer: ReportPage{}}, s.listReports)
	add(api, route{method: patch, path: "/v1/reports/{id}", summary: "Resolve a report", tag: "activities", status: 200, body: jsonBody, answer: Report{}}, s.patchReport)
	add(api, route{method: put, path: "/v1/messages/{id}/like", summary: "Like a message of a conversation", tag: "conversations", status: 201, also: 200}, s.putMessageLike)
	add(api, route{method: del, path: "/v1/messages/{id}/like", summary: "Like it no longer", tag: "conversations", status: 204}, s.deleteMessageLike)
	add(api, route{method: get, path: ctx + "/log/messages", summary: "What subscribers of its messages got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.messagesLog)
	add(api, route{method: get, path: ctx + "/log/comments", summary: "What subscribers of its comments got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.commentsLog)
	add(api, route{method: get, path: ctx + "/log/reactions", summary: "What subscribers of its reactions got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.reactionsLog)
	add(api, route{method: get, path: ctx + "/log/events", summary: "What subscribers of its events got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.eventsLog)

	plain(api, route{method: post, path: "/v1/attachments", summary: "Upload a file, to hang on a post", tag: "files", status: 201, body: fileBody, answer: Attachment{}, actable: true}, s.createAttachment)
	plain(api, route{method: get, path: "/v1/attachments/{id}", summary: "A file: mine, or of a post that I may read", tag: "files", status: 200, media: true}, s.getAttachment)
	plain(api, route{method: get, path: "/v1/attachments/{id}/thumbnail", summary: "A small one of a picture", tag: "files", status: 200, media: true, sized: true}, s.getThumbnail)
	for base, whose := range map[string]pictured{person: ofPerson, ctx: ofContext, conv: ofConversation} {
		plain(api, route{method: get, path: base + "/avatar", summary: "The picture: what was uploaded, or what is drawn", tag: "files", status: 200, media: true, sized: true}, s.getAvatar(whose))
		plain(api, route{method: put, path: base + "/avatar", summary: "Upload the picture", tag: "files", status: 204, body: fileBody}, s.putAvatar(whose))
		plain(api, route{method: del, path: base + "/avatar", summary: "Go back to the drawn one", tag: "files", status: 204}, s.deleteAvatar(whose))
	}
	add(api, route{method: post, path: "/v1/attachments/{id}/links", summary: "Make a link that is good without signing in, for a time", tag: "files", status: 201, body: mayBody}, s.createLink)

	add(api, route{method: get, path: "/v1/conversations", summary: "The conversations I take part in, the last one written in first", tag: "conversations", status: 200}, s.listConversations)
	add(api, route{method: post, path: "/v1/conversations", summary: "Begin a conversation, or find the one with somebody", tag: "conversations", status: 201, also: 200, body: jsonBody}, s.createConversation)
	add(api, route{method: get, path: conv, summary: "One conversation", tag: "conversations", status: 200}, s.getConversation)
	add(api, route{method: patch, path: conv, summary: "Change a group (owner)", tag: "conversations", status: 200, body: jsonBody}, s.patchConversation)
	add(api, route{method: del, path: conv, summary: "End a group (owner)", tag: "conversations", status: 204}, s.deleteConversation)
	add(api, route{method: put, path: conv + "/participants/{name}", summary: "Add somebody to a group (owner)", tag: "conversations", status: 201, also: 200}, s.putParticipant)
	add(api, route{method: del, path: conv + "/participants/{name}", summary: "Leave (name me), or remove somebody from a group (owner)", tag: "conversations", status: 204}, s.deleteParticipant)
	add(api, route{method: put, path: conv + "/owner", summary: "Hand a group over to another participant (owner)", tag: "conversations", status: 200, body: jsonBody}, s.putConversationOwner)
	add(api, route{method: put, path: conv + "/read", summary: "Move my read marker", tag: "conversations", status: 200, body: jsonBody, takes: Receipt{}}, s.putConversationRead)
	add(api, route{method: put, path: conv + "/mute", summary: "Be told nothing of it, for a time or for good, or only of some things", tag: "conversations", status: 200, body: mayBody}, s.putMute(social.InConversation))
	add(api, route{method: del, path: conv + "/mute", summary: "Be told of it again", tag: "conversations", status: 204}, s.deleteMute(social.InConversation))
	add(api, route{method: get, path: conv + "/messages", summary: "Living messages, as they read now", tag: "messages", status: 200, answer: ActivityPage{}}, s.listMessages)
	add(api, route{method: post, path: conv + "/messages", summary: "Write", tag: "messages", status: 201, body: postBody, takes: Draft{}, answer: Post{}, published: true}, s.createMessage)
	add(api, route{method: patch, path: "/v1/messages/{id}", summary: "Edit a message of mine", tag: "messages", status: 200, body: postBody, takes: Edit{}, answer: Post{}, published: true}, s.patchMessage)
	add(api, route{method: del, path: "/v1/messages/{id}", summary: "Remove a message", tag: "messages", status: 204}, s.deleteMessage)
	add(api, route{method: get, path: conv + "/log/messages", summary: "What subscribers of its messages got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.conversationLog(social.ChannelMessages))
	add(api, route{method: get, path: conv + "/log/reactions", summary: "What subscribers of its reactions got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.conversationLog(social.ChannelReactions))
	add(api, route{method: get, path: conv + "/log/events", summary: "What subscribers of its events got, by seq", tag: "log", status: 200, answer: LogPage{}}, s.conversationLog(social.ChannelEvents))

	add(api, route{method: post, path: ctx + "/data/{topic}", summary: "Publish any bytes (QoS 1)", tag: "data", status: 201, body: rawBody, actable: true, published: true}, s.createSample)
	add(api, route{method: get, path: ctx + "/data/{topic}", summary: "What was published there in the last days", tag: "data", status: 200}, s.listSamples)
}
