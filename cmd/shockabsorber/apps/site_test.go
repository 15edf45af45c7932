package apps

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// site is a WordPress as a browser sees it.
type site struct {
	t          *testing.T
	base       string
	client     *http.Client // the administrator's, with its cookies
	nonce      string       // of the REST interface
	transcript strings.Builder
}

// newSite is a site that nobody has logged in to.
func newSite(t *testing.T, base string) *site {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t: t, base: base, client: &http.Client{Jar: jar, Timeout: patience}}
}

// send sends a request, follows its redirects and notes the answer's status.
func (s *site) send(c *http.Client, r *http.Request) string {
	s.t.Helper()
	what := r.Method + " " + r.URL.RequestURI()
	res, err := c.Do(r)
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	fmt.Fprintf(&s.transcript, "%s: %s, at %s\n", masked(what), res.Status, masked(res.Request.URL.RequestURI()))
	text := string(body)
	failed := res.StatusCode >= 400 && (r.Method != http.MethodGet || res.StatusCode != http.StatusNotFound)
	if failed || strings.Contains(text, "WordPress database error") || strings.Contains(text, "<b>Fatal error") {
		s.t.Fatalf("%s: %s\n%.4000s", what, res.Status, text)
	}
	return text
}

// masked hides what differs between two runs.
func masked(text string) string { return hide(wordpressMasks, text) }

// get asks for a page.
func (s *site) get(path string) string {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(s.client, r)
}

// post sends a form.
func (s *site) post(c *http.Client, path string, form url.Values) string {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(c, r)
}

// rest does what the editor does: it sends JSON. The answer is put into the
// transcript, and its id returned.
func (s *site) rest(method, route string, value map[string]any) int {
	s.t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		s.t.Fatal(err)
	}
	path, query, _ := strings.Cut(route, "?")
	r, err := http.NewRequest(method, s.base+"/?rest_route="+url.QueryEscape("/wp/v2/"+path)+"&"+query, strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-WP-Nonce", s.nonce)
	text := s.send(s.client, r)
	fmt.Fprintf(&s.transcript, "%s\n", masked(text))
	var answer struct {
		ID int `json:"id"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		s.t.Fatalf("%s %s: %v\n%.2000s", method, route, err, text)
	}
	return answer.ID
}

// restNonce is where the editor's page tells its nonce.
var restNonce = regexp.MustCompile(`createNonceMiddleware\( "([0-9a-f]+)" \)`)

// use installs the site, logs in and does what people do with one.
func (s *site) use(posts int) {
	s.t.Helper()
	s.get("/wp-admin/install.php")
	text := s.post(s.client, "/wp-admin/install.php?step=2", url.Values{
		"weblog_title": {"It's a site"}, "user_name": {"boss"}, "admin_password": {"p4ss word"}, "admin_password2": {"p4ss word"},
		"pw_weak": {"1"}, "admin_email": {"boss@example.com"}, "Submit": {"Install WordPress"}, "language": {""}})
	if !strings.Contains(text, "Success!") {
		s.t.Fatalf("not installed:\n%.4000s", text)
	}
	s.get("/wp-login.php")
	text = s.post(s.client, "/wp-login.php", url.Values{"log": {"boss"}, "pwd": {"p4ss word"}, "wp-submit": {"Log In"}, "redirect_to": {s.base + "/wp-admin/"}, "testcookie": {"1"}})
	if !strings.Contains(text, "Dashboard") {
		s.t.Fatalf("not logged in:\n%.4000s", text)
	}
	found := restNonce.FindStringSubmatch(s.get("/wp-admin/post-new.php"))
	if found == nil {
		s.t.Fatal("the editor's page has no nonce")
	}
	s.nonce = found[1]

	s.rest("POST", "settings", map[string]any{"title": "Another title", "description": "with ünïcode 🙂", "posts_per_page": 5})
	category := s.rest("POST", "categories", map[string]any{"name": "News", "description": "what is new"})
	tag := s.rest("POST", "tags", map[string]any{"name": "fresh"})
	author := s.rest("POST", "users", map[string]any{"username": "writer", "email": "writer@example.com", "password": "another one", "roles": []string{"author"}})
	page := s.rest("POST", "pages", map[string]any{"title": "A page", "content": "of its own", "status": "publish"})
	s.anonymous(page) // the first: an address that has commented must wait, unless it is the administrator's
	for i := 1; i <= posts; i++ {
		s.blog(i, category, tag, author)
	}
	s.rest("POST", fmt.Sprintf("pages/%d", page), map[string]any{"menu_order": 3, "content": "of its own, and edited"})
	s.rest("POST", fmt.Sprintf("categories/%d", category), map[string]any{"name": "Old news"})
	s.restDeleted(fmt.Sprintf("users/%d?force=true&reassign=1", author))
	s.restDeleted(fmt.Sprintf("tags/%d?force=true", tag))
	for _, path := range []string{"/", "/?s=edited", "/?feed=rss2", "/?cat=1", "/?author=1", "/wp-admin/edit.php", "/wp-admin/edit-comments.php",
		"/wp-admin/users.php", "/wp-admin/options-general.php", "/wp-cron.php", "/"} {
		s.get(path)
	}
}

// restDeleted deletes for good; the answer holds what was there, without an id
// at its top.
func (s *site) restDeleted(route string) { s.t.Helper(); s.rest("DELETE", route, nil) }

// blog writes a post, edits it, has comments on it, and deletes some of that.
func (s *site) blog(i, category, tag, author int) {
	s.t.Helper()
	post := s.rest("POST", "posts", map[string]any{"title": fmt.Sprintf("Post %d's title", i), "content": fmt.Sprintf("<p>post %d is new \\ \"quoted\" 'too'</p>", i), "status": "draft", "categories": []int{category}})
	route := fmt.Sprintf("posts/%d", post)
	s.rest("POST", route, map[string]any{"status": "publish", "tags": []int{tag}})
	s.rest("POST", route, map[string]any{"content": fmt.Sprintf("<p>post %d is edited</p>", i), "sticky": i%2 == 0, "author": []int{1, author}[i%2]})
	s.get(fmt.Sprintf("/?p=%d", post))
	s.post(s.client, "/wp-comments-post.php", url.Values{"comment": {fmt.Sprintf("a comment on post %d", i)}, "comment_post_ID": {fmt.Sprint(post)}, "submit": {"Post Comment"}})
	comment := s.rest("POST", "comments", map[string]any{"post": post, "content": fmt.Sprintf("another comment on post %d", i)})
	reply := s.rest("POST", "comments", map[string]any{"post": post, "parent": comment, "content": "a reply"})
	s.rest("POST", fmt.Sprintf("comments/%d", comment), map[string]any{"content": "an edited comment", "status": "hold"})
	s.rest("POST", fmt.Sprintf("comments/%d", comment), map[string]any{"status": "approved"})
	switch i % 3 {
	case 0:
		s.rest("DELETE", fmt.Sprintf("comments/%d", reply), nil) // into the trash
		s.rest("DELETE", route, nil)
	case 1:
		s.restDeleted(fmt.Sprintf("comments/%d?force=true", reply))
	case 2:
		s.restDeleted(route + "?force=true")
	}
}

// anonymous comments on the page as a visitor does; the administrator approves
// that. Comment 1 came with the installation.
func (s *site) anonymous(page int) {
	s.t.Helper()
	s.rest("POST", fmt.Sprintf("pages/%d", page), map[string]any{"comment_status": "open"})
	s.post(&http.Client{Timeout: patience}, "/wp-comments-post.php", url.Values{"comment": {"who am I?"}, "author": {"Nobody"}, "email": {"nobody@example.com"}, "url": {""}, "comment_post_ID": {fmt.Sprint(page)}, "submit": {"Post Comment"}})
	s.rest("POST", "comments/2", map[string]any{"status": "approved"})
}
