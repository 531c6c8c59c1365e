# Each line of the container's log: JSON, and without what only its owner should know. Run with -E and LC_ALL=C.

# A query may hold a title or what was searched for; the address of an unlisted snippet is its key.
s/\?[^ "]+/?.../g
s/(snippets\/)[0-9A-Za-z]{22}/\1.../g
# However it is spelt: nobody who means well writes it so.
s/snippets(%|\/\/|\/\.)[^ "]*/snippets\/.../g
s/snippets\/[^ "]*%[^ "]*/snippets\/.../g
s/(snip|edit)_[0-9A-Za-z_-]{20,}/\1_.../g
# What clients send may be no UTF-8.
s/[\x80-\xFF]/?/g

# The application and nginx's log of requests write JSON already.
/^\{.*\}$/b

# nginx and uWSGI speak in their own words.
s/[\x00-\x1F\x7F]/ /g
s/[\\"]/\\&/g
/^[0-9]{4}\/[0-9]{2}\/[0-9]{2} [0-9:]{8} \[[a-z]+\] /{
  s/^(....)\/(..)\/(..) ([^ ]+) \[([a-z]+)\] (.*)$/{"time":"\1-\2-\3T\4","level":"\U\5\E","logger":"nginx","message":"\6"}/
  b
}
/^(Configuration:|CommandError:|Traceback|nginx or uWSGI has ended|DAMN|bind\(\)|error|\[strict-mode\]|.*(HARAKIRI|GAME OVER|queue.*full))/{
  s/.*/{"level":"ERROR","logger":"uwsgi","message":"&"}/
  b
}
s/.*/{"level":"INFO","logger":"uwsgi","message":"&"}/
