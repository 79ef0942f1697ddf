export default function Race() {
  return (
    <div class="page">
      <h1>Race</h1>
    </div>
  );
}
