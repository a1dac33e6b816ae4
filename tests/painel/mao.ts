/**
 * A mão e os olhos de quem usa o navegador: o rato, o teclado, o tamanho da janela.
 *
 * @module
 */

/** Pede uma coisa à página por DevTools. */
export type Pedir = <T>(metodo: string, parametros?: object) => Promise<T>;

/** Um clique de rato no meio de um elemento. @throws {Error} se está coberto ou fora da vista. */
export async function clicar(
  pedir: Pedir,
  avaliar: <T>(expressao: string) => Promise<T>,
  seletor: string,
): Promise<void> {
  // O que está coberto, ou fora da vista, não se pode clicar: um rato também não podia.
  const { x, y, acertou } = await avaliar<{ x: number; y: number; acertou: boolean }>(`(() => {
    const no = document.querySelector(${JSON.stringify(seletor)});
    if (no === null) throw new Error("não há ${seletor.replaceAll('"', "'")}");
    const onde = () => {
      const { left, top, width, height } = no.getBoundingClientRect();
      const [x, y] = [left + width / 2, top + height / 2];
      return { x, y, acertou: no.contains(document.elementFromPoint(x, y)) };
    };
    // Só se rola a página se é preciso: o que se vê fica onde está.
    if (!onde().acertou) no.scrollIntoView({ block: "center" });
    return onde();
  })()`);
  if (!acertou) {
    throw new Error(`Não se pode clicar em "${seletor}": está coberto ou fora da vista`);
  }
  for (const type of ["mousePressed", "mouseReleased"]) {
    await pedir("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
  }
}

/** Uma tecla premida e largada. */
export async function teclar(pedir: Pedir, tecla: string): Promise<void> {
  const codigos: { readonly [tecla: string]: number } = {
    Tab: 9,
    Enter: 13,
    " ": 32,
    End: 35,
    Home: 36,
    ArrowLeft: 37,
    ArrowUp: 38,
    ArrowRight: 39,
    ArrowDown: 40,
  };
  const windowsVirtualKeyCode = codigos[tecla] ?? tecla.toUpperCase().charCodeAt(0);
  const texto = tecla === "Enter" ? "\r" : tecla.length === 1 ? tecla : undefined;
  const comum = { key: tecla, code: tecla, windowsVirtualKeyCode };
  await pedir("Input.dispatchKeyEvent", {
    type: texto === undefined ? "rawKeyDown" : "keyDown",
    ...comum,
    ...(texto === undefined ? {} : { text: texto }),
  });
  await pedir("Input.dispatchKeyEvent", { type: "keyUp", ...comum });
}

/** O tamanho da janela, o esquema de cores, e se há menos movimento. */
export async function ver(
  pedir: Pedir,
  width: number,
  height: number,
  escuro: boolean,
  quieto: boolean,
): Promise<void> {
  await pedir("Emulation.setDeviceMetricsOverride", {
    width,
    height,
    deviceScaleFactor: 1,
    mobile: false,
  });
  await pedir("Emulation.setEmulatedMedia", {
    features: [
      { name: "prefers-color-scheme", value: escuro ? "dark" : "light" },
      { name: "prefers-reduced-motion", value: quieto ? "reduce" : "no-preference" },
    ],
  });
}
