/**
 * A barra do tempo: parar o desenho, voltar pelo que se viu, tocar para trás e para a frente.
 *
 * @module
 */

import { type Historico, vizinha } from "./historico.ts";
import { lembrado, lembrar } from "./lembrar.ts";
import { achar, botao, desenhar, dizer, mudar } from "./nos.ts";
import { hora } from "./palavras.ts";
import { agora, type Relogio } from "./relogio.ts";

/** Um instante logo depois de uma mensagem sair, para que se veja a caminho. */
const DEPOIS_MS = 0.001;

/** A barra e os nós que se mudam. */
export interface Tempo {
  readonly barra: HTMLInputElement;
  readonly dito: HTMLElement;
  readonly pausa: HTMLButtonElement;
  readonly vivo: HTMLButtonElement;
  readonly tocar: readonly [tras: HTMLButtonElement, frente: HTMLButtonElement];
}

/** Prepara a barra nos nós da página. */
export function criarTempo(relogio: Relogio, historico: Historico): Tempo {
  const parar = (instante: number) => {
    relogio.modo = "parado";
    relogio.instante = Math.min(Math.max(instante, historico.principio), historico.fim);
    guardarInstante(relogio);
  };
  const tocar = (sentido: -1 | 1) => () => {
    if (relogio.modo === "a tocar" && relogio.sentido === sentido) return parar(relogio.instante);
    Object.assign(relogio, { modo: "a tocar", sentido });
  };
  const pular = (sentido: -1 | 1) => () =>
    parar(vizinha(historico, relogio.instante - DEPOIS_MS, sentido) + DEPOIS_MS);
  const pausa = botao("Pausar o desenho", () => {
    if (relogio.modo === "parado") aoVivo(relogio);
    else parar(relogio.instante);
  }, { id: "pausa", "aria-pressed": "false", title: "Congela o desenho; as mensagens seguem" });
  const vivo = botao("Ao vivo", () => aoVivo(relogio), { id: "ao-vivo" });
  const [tras, frente] = [
    comIcone("Tocar para trás", "M8 0v12L0 6ZM16 0v12L8 6Z", "tocar-tras", tocar(-1)),
    comIcone("Tocar para a frente", "M0 0v12L8 6ZM8 0v12L16 6Z", "tocar-frente", tocar(1)),
  ] as const;
  const [inicio, antes, depois] = [
    comIcone(
      "Ao princípio",
      "M2 0h3v12H2ZM14 0v12L6 6Z",
      "inicio",
      () => parar(historico.principio),
    ),
    comIcone("A mensagem anterior", "M12 0v12L3 6Z", "antes", pular(-1)),
    comIcone("A mensagem seguinte", "M4 0v12L13 6Z", "depois", pular(1)),
  ] as const;
  achar("botoes-do-tempo").append(inicio, tras, antes, pausa, depois, frente, vivo);
  const barra = achar("barra-do-tempo") as HTMLInputElement;
  barra.addEventListener("input", () => parar(Number(barra.value)));
  for (const campo of document.querySelectorAll<HTMLInputElement>("[name=velocidade]")) {
    campo.addEventListener("change", () => {
      relogio.velocidade = Number(campo.value);
      lembrar("velocidade", campo.value);
    });
  }
  retomarInstante(relogio);
  const velocidade = lembrado("velocidade");
  if (velocidade !== undefined) escolherVelocidade(relogio, Number(velocidade));
  return { barra, dito: achar("instante"), pausa, vivo, tocar: [tras, frente] };
}

/** Um botão com um desenho, que nem toda fonte tem, e o nome para quem o ouve ou o aponta. */
function comIcone(nome: string, d: string, id: string, aoPremir: () => void): HTMLButtonElement {
  const no = botao("", aoPremir, { id, "aria-label": nome, title: nome });
  no.append(
    desenhar("svg", { viewBox: "0 0 16 12", "aria-hidden": "true" }, desenhar("path", { d })),
  );
  return no;
}

/** Põe uma velocidade, e mostra-a escolhida. */
export function escolherVelocidade(relogio: Relogio, velocidade: number): void {
  relogio.velocidade = velocidade;
  for (const campo of document.querySelectorAll<HTMLInputElement>("[name=velocidade]")) {
    campo.checked = Number(campo.value) === velocidade;
  }
}

export function aoVivo(relogio: Relogio): void {
  relogio.modo = "ao vivo";
  guardarInstante(relogio);
}

function guardarInstante({ modo, instante }: Relogio): void {
  lembrar("parado-em", modo === "ao vivo" ? undefined : String(instante));
}

/** Uma recarga volta ao instante em que se parou. */
function retomarInstante(relogio: Relogio): void {
  const guardado = lembrado("parado-em");
  if (guardado !== undefined) {
    Object.assign(relogio, { modo: "parado", instante: Number(guardado) });
  }
}

/** Mostra onde vai o relógio; `gravada` diz que não há presente a que voltar. */
export function mostrarTempo(
  tempo: Tempo,
  relogio: Relogio,
  { principio, fim }: Historico,
  gravada: boolean,
): void {
  const { modo, instante, sentido } = relogio;
  const ultimo = modo === "ao vivo" ? Math.max(fim, instante) : fim;
  mudar(tempo.barra, { min: Math.floor(principio), max: Math.ceil(ultimo) });
  const valor = String(Math.round(instante));
  if (tempo.barra.value !== valor) tempo.barra.value = valor;
  mudar(tempo.barra, { "aria-valuetext": `${hora(instante)} segundos` });
  mudar(tempo.pausa, { "aria-pressed": String(modo === "parado"), hidden: gravada });
  mudar(tempo.vivo, { "aria-pressed": String(modo === "ao vivo"), hidden: gravada });
  tempo.tocar.forEach((no, n) => {
    mudar(no, { "aria-pressed": String(modo === "a tocar" && sentido === (n === 0 ? -1 : 1)) });
  });
  dizer(tempo.dito, dizerInstante(relogio, gravada));
  document.body.classList.toggle("no-passado", modo !== "ao vivo" && !gravada);
}

function dizerInstante(relogio: Relogio, gravada: boolean): string {
  const { modo, instante } = relogio;
  if (modo === "ao vivo") return `ao vivo · ${Math.floor(instante / 1000)} s`;
  if (gravada) return `${hora(instante)} s`;
  const atras = Math.max(0, agora(relogio) - instante) / 1000;
  const como = modo === "parado" ? "as mensagens seguem" : "a rever";
  return `${hora(instante)} s, há ${Math.round(atras)} s · ${como}`;
}
