// Adds dragging, progress and an answer in place to the verify form. Without it the form works the same:
// the server renders the answer in both cases.
'use strict'
;(() => {
  document.documentElement.classList.add('script')
  addEventListener('beforeprint', () => {
    for (const part of document.querySelectorAll('#result details')) part.open = true
  })
  const form = document.querySelector('form#verify')
  if (!form) return
  const drop = form.querySelector('.drop')
  const fileInput = form.querySelector('input[name="document"]')
  const secondInput = form.querySelector('input[name="content"]')
  const password = form.querySelector('.password')
  const passwordInput = password.querySelector('input')
  const button = form.querySelector('button')
  const status = form.querySelector('[role="status"]')
  const progress = form.querySelector('progress')
  const isSignature = (file) => /\.(p7s|p7m|sig)$/i.test(file.name)

  const setFile = (input, file) => {
    const transfer = new DataTransfer()
    if (file) transfer.items.add(file)
    input.files = transfer.files
  }

  // A .p7s alone is half of what is needed: the next file that is dropped is the other half.
  const waitsForSecond = (file) => {
    const [first] = fileInput.files
    if (!first || secondInput.files.length > 0) return false
    return isSignature(first) !== isSignature(file) && (isSignature(first) || isSignature(file))
  }

  const busy = (on) => {
    button.disabled = on
    progress.hidden = !on
    if (!on) status.textContent = ''
  }

  const failed = (text) => {
    busy(false)
    status.textContent = text
  }

  const show = (text) => {
    const answer = new DOMParser().parseFromString(text, 'text/html')
    const result = answer.querySelector('#result')
    if (!result) return failed(form.dataset.failed)
    busy(false)
    document.querySelector('#result').replaceWith(document.adoptNode(result))
    // The answer says whether the file needs a password; it goes again as soon as it is not needed.
    password.hidden = answer.querySelector('form#verify .password')?.hidden ?? true
    passwordInput.value = ''
    const heading = result.querySelector('h2')
    if (!password.hidden) passwordInput.focus()
    else if (heading) {
      heading.tabIndex = -1
      heading.focus()
      heading.scrollIntoView({ block: 'start' })
    }
  }

  const send = () => {
    // XMLHttpRequest, because fetch cannot say how much of an upload has been sent.
    const request = new XMLHttpRequest()
    request.open('POST', form.action)
    request.setRequestHeader('Accept', 'text/html')
    progress.removeAttribute('value')
    busy(true)
    status.textContent = form.dataset.sending
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) progress.value = event.loaded / event.total
    })
    request.upload.addEventListener('load', () => {
      progress.removeAttribute('value')
      status.textContent = form.dataset.checking
    })
    request.addEventListener('load', () => show(request.responseText))
    request.addEventListener('error', () => failed(form.dataset.failed))
    request.send(new FormData(form))
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (!button.disabled) send()
  })

  const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes('Files')
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    drop.classList.add('over')
  })
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) drop.classList.remove('over')
  })
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    drop.classList.remove('over')
    if (button.disabled) return
    const files = [...event.dataTransfer.files]
    const signature = files.find(isSignature)
    const other = files.find((one) => one !== signature)
    if (signature && other) {
      setFile(fileInput, signature)
      setFile(secondInput, other)
      secondInput.closest('details').open = true
    } else if (waitsForSecond(files[0])) {
      setFile(secondInput, files[0])
    } else {
      setFile(fileInput, files[0])
      setFile(secondInput, undefined)
    }
    send()
  })
})()
